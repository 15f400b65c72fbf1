import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isIP } from 'node:net';
import { Fault } from '../src/base/fault.ts';
import { Guesses } from './webGuesses.ts';

export interface WebOptions {
  listen: { host: string; port: number };
  /** Names, besides addresses and `localhost`, that a browser may call this server by. */
  names?: readonly string[];
  /** What a path holds; undefined: nothing is there. Only ever read. */
  page: (path: string, query: URLSearchParams) => WebPage | undefined | Promise<WebPage | undefined>;
  /** What is done for one who knows the token; absent: nothing. `request` is a JSON object that nobody has checked yet. */
  orders?: { token: string; act: (request: Record<string, unknown>) => Promise<unknown> };
  /** So many wrong tokens came from an address that for a while none is looked at. */
  guessed?: (address: string) => void;
  /** Errors that are not a peer's. */
  failed: (error: unknown) => void;
  /** Monotonic milliseconds. */
  now?: () => number;
  connectionsMax?: number;
}

export interface WebPage {
  type: string;
  body: string | Uint8Array;
  /** What a browser may do with it (Content-Security-Policy); absent: nothing at all. */
  policy?: string;
}

interface Unproved {
  status: number;
  words: string;
  /** Seconds until the next try. */
  afterS?: number;
}

/** Where orders are sent. */
const ORDERS_PATH = '/order';
const BODY_BYTES_MAX = 16_384;
const HEADER_BYTES_MAX = 8192;
const CONNECTIONS_MAX = 64;
/** How long a peer may take for its headers, its whole request, and with nothing to ask. */
const HEADERS_MS = 5000;
const REQUEST_MS = 10_000;
const IDLE_MS = 5000;
const CHECK_MS = 1000;

/**
 * A small server of pages that are only read, for people's browsers and for what collects metrics (requirements H2, H4).
 *
 * Whoever reaches the address may read, so it belongs on loopback or a network of administrators. What other sites make a
 * browser send is refused: by the Host header (names that were pointed here), by `Sec-Fetch-Site` and `Origin`; and orders
 * need a token in a header that no other site can set, and that cannot be guessed at length. Whatever peers send costs a
 * bounded amount.
 */
export class WebServer {
  readonly #options: WebOptions;
  readonly #server: Server;
  readonly #guesses = new Guesses();

  private constructor(options: WebOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: HEADERS_MS,
        requestTimeout: REQUEST_MS,
        keepAliveTimeout: IDLE_MS,
        connectionsCheckingInterval: CHECK_MS,
        requireHostHeader: false,
      },
      (request, response) => {
        this.#serve(request, response).catch((error: unknown) => this.#broken(response, error));
      },
    );
    this.#server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
    // One who takes nothing of an answer for so long is let go.
    this.#server.timeout = REQUEST_MS;
    this.#server.on('clientError', (_, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      else socket.destroy();
    });
  }

  /** Listens. Rejects with a `Fault` where the address cannot be had. */
  static async open(options: WebOptions): Promise<WebServer> {
    const web = new WebServer(options);
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException): void => reject(listenFault(host, port, error));
      web.#server.once('error', refuse);
      web.#server.listen({ host, port }, () => {
        web.#server.off('error', refuse).on('error', options.failed);
        resolve();
      });
    });
    return web;
  }

  /** `http://ADDRESS:PORT/`. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      answer(response, refusal[0], { type: TEXT, body: `${refusal[1]}\n` }, true);
      return;
    }
    const [path, query = ''] = (request.url ?? '').split('?', 2);
    if (request.method === 'POST') {
      await this.#order(path, request, response);
      return;
    }
    const page = await this.#options.page(path, new URLSearchParams(query));
    if (page === undefined) answer(response, 404, { type: TEXT, body: 'there is no such page\n' });
    else answer(response, 200, page, false, request.method === 'HEAD');
  }

  #refusal({ method, headers, httpVersion }: IncomingMessage): [status: number, words: string] | undefined {
    if (!this.#isOurs(headers.host)) return [421, 'this server is called by an address'];
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return [403, 'not for other sites'];
    if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`)
      return [403, 'not for other sites'];
    if (method === 'POST') return undefined;
    if (method !== 'GET' && method !== 'HEAD') return [405, 'only GET and HEAD'];
    const body = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
    return body || httpVersion !== '1.1' ? [400, 'no such request is taken'] : undefined;
  }

  /** A name that somebody else pointed here would let their page read ours; an address cannot be pointed anywhere. */
  #isOurs(host: string | undefined): boolean {
    const name = /^(\[[0-9a-f:.]+\]|[^:]+)(?::\d{1,5})?$/i
      .exec(host ?? '')?.[1]
      .replace(/^\[|\]$/g, '')
      .toLowerCase();
    if (name === undefined) return false;
    return isIP(name) !== 0 || name === 'localhost' || (this.#options.names ?? []).some((one) => one === name);
  }

  async #order(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { orders } = this.#options;
    const refuse = (status: number, words: string): void =>
      answer(response, status, { type: TEXT, body: `${words}\n` }, true);
    if (path !== ORDERS_PATH || orders === undefined) return refuse(405, 'only GET and HEAD');
    const unproved = this.#unproved(request, orders.token);
    if (unproved !== undefined) {
      const { status, words, afterS } = unproved;
      if (afterS !== undefined) response.setHeader('Retry-After', afterS);
      return refuse(status, words);
    }
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return refuse(415, 'JSON is expected');
    const order = objectOf(await bodyOf(request));
    if (order === undefined) return refuse(400, `a JSON object of at most ${BODY_BYTES_MAX} bytes is expected`);
    try {
      const result = (await orders.act(order)) ?? null;
      answer(response, 200, { type: JSON_TYPE, body: JSON.stringify({ ok: true, result }) });
    } catch (error) {
      if (!(error instanceof Fault) || error.blame === 'bug') throw error;
      const { message, mend } = error;
      answer(response, 409, { type: JSON_TYPE, body: JSON.stringify({ ok: false, error: { message, mend } }) });
    }
  }

  /** Why this request is from nobody who knows the token; undefined where it is. */
  #unproved({ headers: { authorization }, socket }: IncomingMessage, wanted: string): Unproved | undefined {
    const { guessed, now = () => performance.now() } = this.#options;
    const at = now();
    const address = socket.remoteAddress ?? '';
    // Not even the right one is looked at: else it could be guessed all the same.
    const afterS = Math.ceil(this.#guesses.waitMs(address, at) / 1000);
    if (afterS > 0)
      return { status: 429, words: `wrong tokens came from there: none is looked at for ${afterS} s`, afterS };
    const [scheme, token = ''] = (authorization ?? '').split(' ', 2);
    if (scheme === 'Bearer' && same(token, wanted)) return undefined;
    // Who shows none is told that one is needed, and guesses nothing.
    if (authorization !== undefined && this.#guesses.wrong(address, at)) guessed?.(address);
    return { status: 401, words: 'the token is wrong' };
  }

  #broken(response: ServerResponse, error: unknown): void {
    this.#options.failed(error);
    if (response.headersSent) response.destroy();
    else answer(response, 500, { type: TEXT, body: "a mistake in tapmirror itself: see the unit's log\n" }, true);
  }
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** `close`: nothing that this peer sends next is looked at. */
function answer(response: ServerResponse, status: number, page: WebPage, close = false, bare = false): void {
  const body = typeof page.body === 'string' ? Buffer.from(page.body) : page.body;
  response.writeHead(status, {
    'Content-Type': page.type,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'Content-Security-Policy': page.policy ?? "default-src 'none'; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    ...(close ? { Connection: 'close' } : {}),
  });
  response.end(bare ? undefined : body);
}

/** Compared in constant time, whatever the lengths. */
function same(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** The whole body, or undefined when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function objectOf(body: Buffer | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = body === undefined ? undefined : JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const WORDS: Readonly<Record<string, readonly [what: string, mend: string]>> = {
  EADDRINUSE: ['is taken by another program', 'name another port in "web"'],
  EADDRNOTAVAIL: ['is no address of this machine', 'name one of this machine in "web"'],
  EACCES: ['may not be used by this user', 'name a port of 1024 or more in "web"'],
};

function listenFault(host: string, port: number, error: NodeJS.ErrnoException): Fault {
  const [what, mend] = WORDS[error.code ?? ''] ?? [`cannot be had: ${error.message}`, 'check "web"'];
  return new Fault('local', `the address ${host}:${port} of the status page ${what}`, mend, { cause: error });
}
