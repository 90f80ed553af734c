// PostgreSQL's wire protocol over TCP in front of one in-process PostgreSQL with TimescaleDB (WebAssembly).
//
//   node server.mjs PORT SNAPSHOT [DATA]
//       SNAPSHOT   a tar of the data folder, written by the first start, read by the next
//       DATA       a folder for the data: what is committed survives the end of this program. Without it: in memory.
//
// The engine has a single session. So a client owns it from its first message until the engine is idle again
// (ReadyForQuery 'I'); others wait, and get 55P03 after LOCK_WAIT_MS. On a change of owner the session is reset, and
// prepared statement names carry their connection's number. `COPY .. FROM STDIN` would end the engine, so it is
// collected here and executed as `COPY .. FROM '/dev/blob'`.
import fs from 'node:fs';
import net from 'node:net';
import { PGlite } from '@electric-sql/pglite';
import { timescaledb } from '@electric-sql/pglite/timescaledb';

const LOCK_WAIT_MS = Number(process.env.LOCK_WAIT_MS ?? 10_000);
const PIECE_BYTES = 16_384; // the engine loses replies when one call carries a much larger pipelined batch
const PROTOCOL_3 = 196_608;
const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
// DISCARD ALL is not used: after it the extension's functions are not found.
const RESET_SESSION =
  'CLOSE ALL; RESET ALL; SET search_path TO public; DISCARD TEMP; SELECT pg_advisory_unlock_all(); UNLISTEN *';

// ---- messages -------------------------------------------------------------------------------------------------------

function message(type, body) {
  const out = Buffer.alloc(5 + body.length);
  out[0] = type.charCodeAt(0);
  out.writeInt32BE(4 + body.length, 1);
  body.copy(out, 5);
  return out;
}

const errorResponse = (code, text) => message('E', Buffer.from(`SERROR\0VERROR\0C${code}\0M${text}\0\0`));
const readyForQuery = (status) => message('Z', Buffer.from(status));

/** Transaction status of the ReadyForQuery that ends `reply`, or null where the engine still expects messages. */
function finalStatus(reply) {
  const start = reply.length - 6;
  const isReady = start >= 0 && reply[start] === 0x5a && reply.readInt32BE(start + 1) === 5;
  return isReady ? String.fromCharCode(reply[start + 5]) : null;
}

/** Startup packet of user and database `postgres`. */
function startupPacket() {
  const body = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, body]);
}

// ---- engine ---------------------------------------------------------------------------------------------------------

async function openEngine(snapshot, data) {
  const options = { extensions: { timescaledb } };
  const kept = data !== undefined && fs.existsSync(`${data}/PG_VERSION`);
  if (data !== undefined) options.dataDir = data;
  const cached = kept || fs.existsSync(snapshot);
  if (cached && !kept) options.loadDataDir = new Blob([fs.readFileSync(snapshot)]);
  const engine = await PGlite.create(options);
  // LOAD is needed on a loaded data folder: without it the licensed functions refuse to run.
  await engine.exec("CREATE EXTENSION IF NOT EXISTS timescaledb; LOAD 'timescaledb'");
  if (!cached) {
    const dump = await engine.dumpDataDir('none');
    const partial = `${snapshot}.${process.pid}`;
    fs.writeFileSync(partial, Buffer.from(await dump.arrayBuffer()));
    fs.renameSync(partial, snapshot);
  }
  return engine;
}

/** What the engine answers to a startup packet; every client gets this copy. */
async function startupReply(engine) {
  const raw = async (bytes) => Buffer.from(await engine.execProtocolRaw(new Uint8Array(bytes)));
  const reply = await raw(startupPacket());
  const asksForPassword = reply[0] === 0x52 && reply.readInt32BE(5) !== 0;
  return asksForPassword ? raw(message('p', Buffer.from('x\0'))) : reply;
}

/** Who owns the single session. */
class Turn {
  constructor(engine) {
    this.engine = engine;
    this.owner = null;
    this.previous = null;
    this.waiting = [];
  }

  async acquire(client) {
    const deadline = Date.now() + LOCK_WAIT_MS;
    while (this.owner !== null && this.owner !== client) {
      if (!(await this.#released(deadline - Date.now()))) {
        client.send(errorResponse('55P03', 'single-session engine: another connection holds an open transaction'));
        throw new Error('waited too long for the session');
      }
    }
    if (this.owner === client) return;
    this.owner = client;
    if (this.previous !== null && this.previous !== client) await this.engine.exec(RESET_SESSION);
    this.previous = client;
  }

  release(client) {
    if (this.owner !== client) return;
    this.owner = null;
    this.waiting.shift()?.();
  }

  #released(leftMs) {
    if (leftMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.waiting = this.waiting.filter((other) => other !== wake);
        resolve(true); // the deadline decides
      }, leftMs);
      this.waiting.push(wake);
    });
  }
}

// ---- one client -----------------------------------------------------------------------------------------------------

const COPY_IN = /^\s*copy\b[\s\S]*\bfrom\s+stdin\b/i;

class Client {
  constructor(socket, number, { engine, turn, greeting }) {
    Object.assign(this, { socket, engine, turn, greeting });
    this.prefix = Buffer.from(`c${number}_`);
    this.statements = new Set();
    this.received = [];
    this.receivedBytes = 0;
    this.batch = [];
    this.batchBytes = 0;
    this.started = false;
    this.inTransaction = false;
    this.copy = null; // { sql, parts } while a COPY FROM STDIN is collected
    this.closed = false;
    this.work = Promise.resolve(); // messages of one client are handled strictly in order
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.onData(chunk));
    socket.on('close', () => this.onClose());
  }

  send(bytes) {
    if (!this.closed) this.socket.write(bytes);
  }

  onData(chunk) {
    this.received.push(chunk);
    this.receivedBytes += chunk.length;
    const first = this.received[0];
    // A large message arrives in many chunks: wait for its end instead of joining them again and again.
    const knowsLength = this.started && this.received.length > 1 && first.length >= 5;
    if (knowsLength && this.receivedBytes < 1 + first.readInt32BE(1)) return;
    this.work = this.work.then(() => this.consume()).catch(() => this.socket.destroy());
  }

  async consume() {
    const bytes = this.received.length === 1 ? this.received[0] : Buffer.concat(this.received);
    this.received = [];
    this.receivedBytes = 0;
    let at = 0;
    while (true) {
      const lengthAt = this.started ? at + 1 : at;
      if (bytes.length < lengthAt + 4) break;
      const end = lengthAt + bytes.readInt32BE(lengthAt);
      if (bytes.length < end) break;
      const frame = bytes.subarray(at, end);
      at = end;
      if (this.started) await this.onMessage(String.fromCharCode(frame[0]), frame);
      else this.onStartup(frame.readInt32BE(4));
    }
    if (at < bytes.length) {
      this.received.unshift(bytes.subarray(at));
      this.receivedBytes += bytes.length - at;
    }
  }

  onStartup(code) {
    if (code === SSL_REQUEST || code === GSS_REQUEST) this.send('N');
    else if (code === CANCEL_REQUEST) this.socket.end();
    else {
      this.started = true;
      this.send(this.greeting);
    }
  }

  async onMessage(type, frame) {
    if (this.copy !== null) return this.onCopyMessage(type, frame);
    if (type === 'X') return this.socket.end();
    if (type === 'p') return this.run(frame);
    if (type === 'Q') return this.onSimpleQuery(frame);
    const named = this.withPrefix(type, frame);
    this.batch.push(named);
    this.batchBytes += named.length;
    if (type === 'S' || type === 'H' || this.batchBytes > PIECE_BYTES) {
      const piece = Buffer.concat(this.batch);
      this.batch = [];
      this.batchBytes = 0;
      await this.run(piece);
    }
  }

  async onSimpleQuery(frame) {
    const sql = frame.subarray(5, frame.length - 1).toString();
    if (!COPY_IN.test(sql)) return this.run(frame);
    await this.turn.acquire(this);
    this.copy = { sql: sql.replace(/from\s+stdin/i, "FROM '/dev/blob'"), parts: [] };
    const binary = /format\s+'?binary|\bbinary\b/i.test(sql) ? 1 : 0;
    const columns = /\(([^)]*)\)\s*from/i.exec(sql)?.[1].split(',').length ?? 0;
    const body = Buffer.alloc(3 + 2 * columns); // CopyInResponse: overall format, then one format per column
    body[0] = binary;
    body.writeInt16BE(columns, 1);
    for (let column = 0; column < columns; column += 1) body.writeInt16BE(binary, 3 + 2 * column);
    this.send(message('G', body));
  }

  async onCopyMessage(type, frame) {
    if (type === 'd') {
      this.copy.parts.push(frame.subarray(5));
      return;
    }
    if (type !== 'c' && type !== 'f') return; // Flush and Sync may come in between
    const { sql, parts } = this.copy;
    this.copy = null;
    let status = this.inTransaction ? 'T' : 'I';
    let reply;
    try {
      if (type === 'f') throw Object.assign(new Error('COPY from stdin failed'), { code: '57014' });
      const result = await this.engine.query(sql, [], { blob: new Blob(parts) });
      reply = message('C', Buffer.from(`COPY ${result.affectedRows ?? 0}\0`));
    } catch (error) {
      reply = errorResponse(error.code ?? 'XX000', error.message);
      if (this.inTransaction) {
        status = 'E';
        if (type === 'f') await this.engine.exec('SELECT 1/0').catch(() => {}); // puts the transaction into its failed state
      }
    }
    this.send(Buffer.concat([reply, readyForQuery(status)]));
    if (!this.inTransaction) this.turn.release(this);
  }

  async run(bytes) {
    await this.turn.acquire(this);
    let reply;
    try {
      reply = Buffer.from(await this.engine.execProtocolRaw(new Uint8Array(bytes)));
    } catch (error) {
      console.error(`the engine stopped: ${error.message}`);
      process.exit(3);
    }
    this.send(reply);
    const status = finalStatus(reply);
    if (status !== null) this.inTransaction = status !== 'I';
    if (status === 'I') this.turn.release(this);
  }

  /** Parse, Bind, Describe and Close with this connection's prefix before a non-empty statement name. */
  withPrefix(type, frame) {
    let at;
    if (type === 'P') at = 5;
    else if (type === 'B') at = frame.indexOf(0, 5) + 1;
    else if ((type === 'D' || type === 'C') && frame[5] === 0x53) at = 6;
    else return frame;
    const end = frame.indexOf(0, at);
    if (end === at) return frame;
    if (type === 'P') this.statements.add(this.prefix.toString() + frame.subarray(at, end).toString());
    const out = Buffer.concat([frame.subarray(0, at), this.prefix, frame.subarray(at)]);
    out.writeInt32BE(out.length - 1, 1);
    return out;
  }

  onClose() {
    this.closed = true;
    this.work = this.work.then(() => this.cleanUp()).catch((error) => console.error(error.message));
  }

  async cleanUp() {
    if (this.turn.owner === this) {
      if (this.inTransaction) await this.engine.exec('ROLLBACK').catch(() => {});
      this.turn.release(this);
    }
    if (this.statements.size === 0) return;
    await this.turn.acquire(this);
    for (const name of this.statements) await this.engine.exec(`DEALLOCATE "${name}"`).catch(() => {});
    this.turn.release(this);
  }
}

// ---- start ----------------------------------------------------------------------------------------------------------

const [port, snapshot, data] = process.argv.slice(2);
const engine = await openEngine(snapshot, data);
const shared = { engine, turn: new Turn(engine), greeting: await startupReply(engine) };
let connections = 0;
net
  .createServer((socket) => new Client(socket, (connections += 1), shared))
  .listen(Number(port), '127.0.0.1', () => console.log(`ready on port ${port}`));
