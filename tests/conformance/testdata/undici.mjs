// npm undici: "client URL", then "deflate" or "plain"; it always offers deflate, the server decides.
import { WebSocket } from "undici";
import { inbox, talk } from "./sizes.mjs";

const ws = new WebSocket(process.argv[3]);
const box = inbox();
ws.binaryType = "arraybuffer";
ws.addEventListener("message", (e) => box.put(e.data));
ws.addEventListener("error", (e) => { console.error(e.error ?? e.message); process.exit(1); });
await new Promise((r) => ws.addEventListener("open", r));
const agreed = ws.extensions.includes("permessage-deflate");
if (agreed !== (process.argv[4] === "deflate")) throw new Error(`extensions: ${ws.extensions}`);
await talk((m) => ws.send(m), () => box.next());
const closed = new Promise((r) => ws.addEventListener("close", (e) => r(e.code)));
ws.close(1000, "done");
if ((await closed) !== 1000) throw new Error("closed with another code");
