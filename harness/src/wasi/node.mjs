// Runs a WASI program under node exactly as triplecheck's built-in runtime does: same directories, same status, same
// lines on stderr. Words: [--argv0 NAME] [--] MODULE [ARG]...
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import v8 from 'node:v8';
import { WASI } from 'node:wasi';

// V8 lets optimised code call node's WASI functions directly, with a view of the guest's memory that is no longer valid
// once the memory has grown; node 20 then crashes at random. An unknown flag is ignored.
v8.setFlagsFromString('--no-turbo-fast-api-calls');

const PREFIX = 'triplecheck-wasi: ';
const TRAP = 134;
const CANNOT_RUN = 126;
const NOT_FOUND = 127;
const BROKEN_PIPE = 64; // WASI's errno
const TOP_LEVEL = ['dev', 'etc', 'home', 'proc', 'sys', 'tmp', 'usr', 'var'];

// V8's words for what WebAssembly calls a trap, and the names that the built-in runtime gives.
const TRAPS = [
  [/^unreachable/, 'unreachable'],
  [/memory access out of bounds|data segment.*out of bounds/, 'memory access out of bounds'],
  [/table (index|access|element).*out of bounds|table index is out of bounds/, 'table access out of bounds'],
  [/function signature mismatch|null function/, 'indirect call of a wrong function'],
  [/divide by zero|remainder by zero/, 'integer divide by zero'],
  [/divide result unrepresentable/, 'integer overflow'],
  [/float unrepresentable/, 'invalid conversion to integer'],
];

function end(status, line) {
  // Written at once: what goes through process.stderr can be lost when the process ends.
  if (line) {
    try { fs.writeSync(2, `${PREFIX}${line}\n`); } catch { /* a closed stderr is no reason to fail */ }
  }
  process.exit(status);
}

function words() {
  let rest = process.argv.slice(2);
  let argv0;
  if (rest[0] === '--argv0' && rest.length > 1) [, argv0, ...rest] = rest;
  if (rest[0] === '--') rest = rest.slice(1);
  if (rest.length === 0) end(2, 'usage: node.mjs [--argv0 NAME] [--] MODULE [ARG]...');
  return { module: rest[0], argv: [argv0 ?? rest[0], ...rest.slice(1)] };
}

// The same list as preopens.rs, and for its reasons.
function preopens(argv) {
  const current = process.cwd();
  const needed = [current, process.env.TMPDIR].filter((one) => one && path.isAbsolute(one));
  const top = (one) => (path.isAbsolute(one) ? one.split('/').find((part) => part !== '') : undefined);
  const tops = new Set([...TOP_LEVEL, ...needed.map(top), ...argv.slice(1).map(top)]);
  const shadowed = (name) => fs.lstatSync(name, { throwIfNoEntry: false }) !== undefined;
  const absolute = [...tops].filter((name) => name && !shadowed(name)).sort().map((name) => `/${name}`);
  for (const one of needed) {
    const given = absolute.some((dir) => one === dir || one.startsWith(`${dir}/`));
    if (one !== '/' && !given) absolute.push(one);
  }
  const readable = absolute.filter((dir) => {
    try { fs.closeSync(fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)); return true; } catch { return false; }
  });
  return Object.fromEntries([['.', current], ...readable.map((dir) => [dir, dir])]);
}

function compile(file) {
  let bytes;
  try { bytes = fs.readFileSync(file); } catch (error) {
    end(error.code === 'ENOENT' ? NOT_FOUND : CANNOT_RUN, error.message);
  }
  try { return new WebAssembly.Module(bytes); } catch (error) {
    return end(CANNOT_RUN, `cannot run \`${file}\`: ${error.message}`);
  }
}

// What the guest threw or trapped on; undefined for an error that is none of its doing.
function trap(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    const known = TRAPS.find(([pattern]) => pattern.test(error.message));
    return known ? known[1] : error.message;
  }
  if (error instanceof RangeError && /call stack/.test(error.message)) return 'stack overflow';
  if (WebAssembly.Exception && error instanceof WebAssembly.Exception) return 'uncaught exception';
  return undefined;
}

// node's poll_oneoff leaves a pipe on stdin non-blocking, and the guest's next read of an empty pipe then fails, which
// programs take for the end of their input. From the first poll on such a pipe is read through a description of its own.
function imports(wasi, memory) {
  const imports = { ...wasi.wasiImport };
  // node's own way out throws, and a program that unwinds would run its destructors on the way.
  imports.proc_exit = (status) => end(status & 0xff);
  let own;
  imports.poll_oneoff = (...words) => {
    if (own === undefined && anonymousPipe()) own = fs.openSync('/dev/stdin', 'r');
    return wasi.wasiImport.poll_oneoff(...words);
  };
  imports.fd_write = (...words) => {
    const status = wasi.wasiImport.fd_write(...words);
    if (status === BROKEN_PIPE) dieOfBrokenPipe();
    return status;
  };
  // node 18 counts the zero byte that ends the name, which no name holds.
  imports.path_readlink = (fd, name, nameLength, to, length, answer) => {
    const status = wasi.wasiImport.path_readlink(fd, name, nameLength, to, length, answer);
    const { buffer } = memory();
    const view = new DataView(buffer);
    const used = status === 0 ? view.getUint32(answer >>> 0, true) : 0;
    if (used > 0 && view.getUint8((to >>> 0) + used - 1) === 0) view.setUint32(answer >>> 0, used - 1, true);
    return status;
  };
  imports.fd_read = (fd, list, count, answer) => {
    if (fd !== 0 || own === undefined) return wasi.wasiImport.fd_read(fd, list, count, answer);
    const { buffer } = memory();
    const view = new DataView(buffer);
    for (let at = list >>> 0, left = count; left > 0; at += 8, left -= 1) {
      const length = view.getUint32(at + 4, true);
      if (length > 0) {
        const read = fs.readSync(own, new Uint8Array(buffer, view.getUint32(at, true), length));
        view.setUint32(answer >>> 0, read, true);
        return 0;
      }
    }
    return wasi.wasiImport.fd_read(fd, list, count, answer);
  };
  return imports;
}

// A named pipe is left alone: to open it again could wait for a writer that never comes.
function anonymousPipe(fd = 0) {
  try { return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith('pipe:'); } catch { return false; }
}

// node makes an inherited pipe non-blocking, and a full one would then fail the guest's write, an empty one its read; a
// description of its own blocks as the guest expects.
function blocking(fd, mode) {
  if (!anonymousPipe(fd)) return fd;
  try { return fs.openSync(`/proc/self/fd/${fd}`, mode); } catch { return fd; }
}

// node ignores SIGPIPE. A native program whose reader has gone dies of it.
function dieOfBrokenPipe() {
  // A listener that comes and goes leaves the default.
  process.once('SIGPIPE', () => {});
  process.removeAllListeners('SIGPIPE');
  process.kill(process.pid, 'SIGPIPE');
}

function run() {
  const { module: file, argv } = words();
  const module = compile(file);
  if (!WebAssembly.Module.exports(module).some((one) => one.name === '_start')) {
    end(CANNOT_RUN, `cannot run \`${file}\`: it exports no \`_start\`, so it is not a program`);
  }
  const wasi = new WASI({
    version: 'preview1', args: argv, env: process.env, preopens: preopens(argv), returnOnExit: true,
    stdin: blocking(0, 'r'), stdout: blocking(1, 'w'), stderr: blocking(2, 'w'),
  });
  let instance;
  const provided = { wasi_snapshot_preview1: imports(wasi, () => instance.exports.memory) };
  try { instance = new WebAssembly.Instance(module, provided); } catch (error) {
    const name = trap(error);
    if (name) end(TRAP, `trap: ${name}`);
    end(CANNOT_RUN, `cannot run \`${file}\`: ${error.message}`);
  }
  try { end(wasi.start(instance) & 0xff); } catch (error) {
    const name = trap(error);
    if (!name) throw error;
    end(TRAP, `trap: ${name}`);
  }
}

run();
