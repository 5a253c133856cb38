// The official client of Phoenix: URL and headers as JSON. It says what happens, a line each, and does what it is told on standard input.
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { Socket } from "phoenix";

const [url, headers] = [process.argv[2], JSON.parse(process.argv[3])];
class Transport extends WebSocket {
  constructor(address, protocols) { super(address, protocols, { headers }); }
}
const say = (...what) => console.log(what.join(" "));
const socket = new Socket(url, { transport: Transport, heartbeatIntervalMs: 1000, reconnectAfterMs: () => 50, rejoinAfterMs: () => 50 });
socket.onOpen(() => say("open"));
socket.connect();

const join = (topic, params) => {
  const channel = socket.channel(topic, params);
  channel.on("identify", () => say(topic, "identify"));
  channel.onError((reason) => say(topic, "error", JSON.stringify(reason ?? null)));
  channel.join().receive("ok", (r) => say(topic, "joined", JSON.stringify(r))).receive("error", (r) => say(topic, "refused", JSON.stringify(r)));
  return channel;
};
const device = {
  device_api_version: "2.3.0", nerves_fw_uuid: "fw-1", nerves_fw_product: "product", nerves_fw_version: "1.0.0",
  nerves_fw_platform: "node", nerves_fw_architecture: "js", meta: { firmware_validated: true },
};
const channels = { device: join("device", device) };
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, topic, rest] = line.split(" ");
  if (verb === "join") channels[topic] = join(topic, rest ? JSON.parse(rest) : device);
  if (verb === "push") channels[topic].push("status_update", { status: "received" });
  if (verb === "leave") channels[topic].leave().receive("ok", () => say(topic, "left"));
}
socket.disconnect(() => process.exit(0));
