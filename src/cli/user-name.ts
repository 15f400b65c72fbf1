import { userInfo } from 'node:os';

/** Who gives an order; a user without a name has a number. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? ''}`.trim();
  }
}
