/**
 * Keeps one live stream going: connects, subscribes, goes on after a break where it stopped, asks for a snapshot where
 * something is missing, and hands the next token over before the old one ends. Sockets, timers and chance are given, so
 * that a test plays them.
 */
import { folded, type Known, type LiveMessage } from './state';

/** `waiting`: it could not be opened, or broke, and is tried again. */
export type LinkPhase = 'connecting' | 'open' | 'waiting';

/** The part of a `WebSocket` that is used. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send: (text: string) => void;
  close: () => void;
}

export interface Surroundings {
  readonly open: (token: string) => Socket;
  /** A token that is valid for a while yet; null when nobody is signed in or the server is away. */
  readonly token: () => Promise<string | null>;
  readonly after: (ms: number, run: () => void) => () => void;
  /** 0 to 1. */
  readonly chance: () => number;
  readonly onKnown: (known: Known) => void;
  readonly onPhase: (phase: LinkPhase, failures: number) => void;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** Three heartbeats of the server. */
const DEAD_AFTER_MS = 45_000;
/** A socket that neither opens nor fails. */
const OPEN_WITHIN_MS = 10_000;
const TOKEN_EVERY_MS = 10_000;

export class Connection {
  private known: Known | null = null;
  private socket: Socket | null = null;
  private told = '';
  private failures = 0;
  private ended = false;
  private cancelWatch: (() => void) | null = null;
  private cancelToken: (() => void) | null = null;
  private cancelRetry: (() => void) | null = null;

  constructor(
    private readonly site: string,
    private readonly around: Surroundings,
  ) {}

  start(): void {
    void this.connect();
  }

  /** Close for good. */
  end(): void {
    this.ended = true;
    this.drop();
    this.cancelRetry?.();
  }

  /** Try at once, for a network that is back. */
  hurry(): void {
    if (this.cancelRetry === null) return;
    this.cancelRetry();
    this.cancelRetry = null;
    void this.connect();
  }

  /** Change what is known by something that the server said elsewhere. */
  change(edit: (known: Known) => Known): void {
    if (this.known !== null) this.tell(edit(this.known));
  }

  private async connect(): Promise<void> {
    this.around.onPhase('connecting', this.failures);
    const token = await this.around.token().catch(() => null);
    if (this.ended || this.socket !== null) return;
    if (token === null) {
      this.retry();
      return;
    }
    let socket: Socket;
    try {
      socket = this.around.open(token);
    } catch {
      this.retry();
      return;
    }
    this.told = token;
    this.socket = socket;
    this.watch(OPEN_WITHIN_MS);
    socket.onopen = () => this.subscribe(this.known?.resume ?? null);
    socket.onmessage = ({ data }) => this.hear(data);
    socket.onclose = () => this.broken();
    this.renewLater();
  }

  private subscribe(resume: string | null): void {
    this.socket?.send(JSON.stringify({ type: 'subscribe', sites: [this.site], units: null, resume }));
  }

  private hear(data: unknown): void {
    let message: LiveMessage;
    try {
      message = JSON.parse(String(data)) as LiveMessage;
    } catch {
      this.broken();
      return;
    }
    if (message.type === 'closing') return; // The close that follows says the rest.
    this.watch(DEAD_AFTER_MS);
    const next = folded(this.known, message);
    if (next === 'gap') {
      this.known = null;
      this.subscribe(null);
      return;
    }
    this.failures = 0;
    this.around.onPhase('open', 0);
    // While the server does not see its store nothing is confirmed, and values only grow older.
    if (next !== this.known) this.tell(next);
  }

  private tell(known: Known): void {
    this.known = known;
    this.around.onKnown(known);
  }

  private watch(ms: number): void {
    this.cancelWatch?.();
    this.cancelWatch = this.around.after(ms, () => this.broken());
  }

  private renewLater(): void {
    this.cancelToken = this.around.after(TOKEN_EVERY_MS, () => void this.renew());
  }

  private async renew(): Promise<void> {
    const socket = this.socket;
    const token = await this.around.token().catch(() => null);
    if (socket === null || socket !== this.socket) return;
    if (token !== null && token !== this.told) {
      this.told = token;
      socket.send(JSON.stringify({ type: 'authenticate', token }));
    }
    this.renewLater();
  }

  private broken(): void {
    if (this.socket === null) return;
    this.drop();
    if (!this.ended) this.retry();
  }

  private retry(): void {
    this.failures += 1;
    this.around.onPhase('waiting', this.failures);
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.failures - 1));
    // Up to half less, so that screens do not all come back in one moment.
    const wait = longest * (1 - this.around.chance() / 2);
    this.cancelRetry = this.around.after(wait, () => {
      this.cancelRetry = null;
      void this.connect();
    });
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.cancelWatch?.();
    this.cancelToken?.();
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
