/** Mode page codes, SPC-5 section 7.5 and SBC-4 section 6.5. */
export const ERROR_RECOVERY = 0x01;
export const DISCONNECT = 0x02;
export const CACHING = 0x08;
export const CONTROL = 0x0a;
export const EXCEPTIONS = 0x1c;
export const ALL_PAGES = 0x3f;
export const ALL_SUBPAGES = 0xff;

/** A page and its subpage as one number, in the order of MODE SENSE. */
export function pageKey(page: number, subpage: number): number {
  return page * 256 + subpage;
}

export const CONTROL_EXTENSION = pageKey(CONTROL, 1);
