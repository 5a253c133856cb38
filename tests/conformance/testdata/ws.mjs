// npm ws: "client URL", "server"; then "deflate" or "plain".
import { WebSocket, WebSocketServer } from "ws";
import { inbox, talk } from "./sizes.mjs";

const [role, url, how] = process.argv[2] === "server" ? ["server", "", process.argv[3]] : process.argv.slice(2);
const perMessageDeflate = how === "deflate" ? { threshold: 0 } : false;

if (role === "server") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });
  server.on("listening", () => console.log(server.address().port));
  server.on("connection", (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })));
  process.stdin.on("end", () => process.exit(0)).resume();
} else {
  const ws = new WebSocket(url, { perMessageDeflate });
  const box = inbox();
  ws.binaryType = "arraybuffer";
  ws.on("message", (data, binary) => box.put(binary ? data : Buffer.from(data).toString()));
  ws.on("error", (e) => { console.error(e); process.exit(1); });
  await new Promise((r) => ws.on("open", r));
  const agreed = ws.extensions.includes("permessage-deflate");
  if (agreed !== (how === "deflate")) throw new Error(`extensions: ${ws.extensions}`);
  await talk((m) => ws.send(m), () => box.next());
  const closed = new Promise((r) => ws.on("close", r));
  ws.close(1000, "done");
  if ((await closed) !== 1000) throw new Error("closed with another code");
}
