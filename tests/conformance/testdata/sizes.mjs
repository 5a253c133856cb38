// The sizes around every border of a frame's length, and what a message of one looks like.
export const sizes = [0, 1, 2, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536, 65537];

export function bytes(size) {
  const out = new Uint8Array(size);
  for (let i = 0; i < size; i++) out[i] = (i * 7 + size) & 0xff;
  return out;
}

export const text = (size) => "abcdefghij".repeat(size / 10 + 1).slice(0, size);

// squares compresses as a device's messages do.
export const squares = (size) => Array.from({ length: size }, (_, i) => `{"n":${(i * i) % 9973}`).join("").slice(0, size);

// talk sends every message and waits for its echo. send sends one, next gives a promise of the next one received.
export async function talk(send, next) {
  for (const size of sizes) {
    for (const message of [text(size), squares(size)]) {
      send(message);
      const said = await next();
      if (said !== message) throw new Error(`text of ${size}: came back as ${typeof said} of ${said.length}`);
    }
    send(bytes(size));
    const came = new Uint8Array(await next());
    if (Buffer.compare(came, bytes(size)) !== 0) throw new Error(`binary of ${size}: came back with ${came.length}`);
  }
}

// inbox turns events into promises.
export function inbox() {
  const waiting = [], came = [];
  return {
    put(v) { waiting.length ? waiting.shift()(v) : came.push(v); },
    next() { return came.length ? Promise.resolve(came.shift()) : new Promise((r) => waiting.push(r)); },
  };
}
