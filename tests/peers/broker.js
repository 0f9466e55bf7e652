// A Service Bus peer for tests: an AMQP 1.0 broker on loopback with what the azure-servicebus SDK needs of a queue. Refuses
// too-large messages, drops duplicates by message id, locks, counts deliveries, dead-letters. Prints its AMQP port and its
// control port. Control: GET /?queue=NAME tells what is there; POST / with JSON changes any of `settings` below.
"use strict";
const crypto = require("crypto");
const http = require("http");
const rhea = require("rhea");

const settings = {
  maxMessageSize: 262144, // bytes, announced on the link: Standard tier
  lockMs: 60000,
  maxDeliveryCount: 10,
  slowMs: 0, // wait so long before each answer to a message
  full: false, // refuse messages as a queue over its size does
  busy: 0, // refuse so many messages as a throttled namespace does
  deny: [], // "send", "listen": rights that the caller has not
  cutBefore: 0, // cut the connection at the n-th message from now, before it is stored; 0: never
  cutAfter: 0, // the same, after it is stored and before it is acknowledged
};
const queues = new Map();
const { message: amqp, types } = rhea;

function queue(name) {
  if (!queues.has(name)) queues.set(name, { ready: [], locked: new Map(), seen: new Set(), links: [], sequence: 0, duplicates: 0 });
  return queues.get(name);
}
const deadLetters = (name) => `${name}/$DeadLetterQueue`;

const container = rhea.create_container({ id: "broker" });
container.options.receiver_options = { autoaccept: false, autosettle: true };
container.options.sender_options = { autosettle: false };
const replies = []; // links on which requests ($cbs, $management) are answered
const nameOf = (address) => (address ?? "").replace(/^amqps?:\/\/[^/]+\//, ""); // the SDK names queues by their whole address
const isNode = (address) => address === "$cbs" || /\$management$/.test(address ?? "");

function refuse(link, right) {
  link.close({ condition: "amqp:unauthorized-access", description: `Unauthorized access. '${right}' claim(s) are required to perform this operation.` });
}

container.on("sender_open", ({ sender }) => {
  const address = nameOf(sender.source.address);
  sender.set_source(sender.source);
  sender.set_target(sender.target);
  if (isNode(address)) replies.push(sender);
  else if (settings.deny.includes("listen")) refuse(sender, "Listen");
  else queue(address).links.push(sender);
});
container.on("receiver_open", ({ receiver }) => {
  receiver.set_target(receiver.target);
  receiver.set_source(receiver.source);
  receiver.local.attach.max_message_size = settings.maxMessageSize;
  receiver.local.attach.properties = { "com.microsoft:max-message-batch-size": types.wrap_ulong(settings.maxMessageSize) };
  if (!isNode(receiver.target.address) && settings.deny.includes("send")) refuse(receiver, "Send");
});

/** Give what is ready to links that have credit, each message to one, under a lock. */
function deliver(name) {
  const from = queue(name);
  from.links = from.links.filter((link) => link.is_open());
  for (const link of from.links) {
    if (from.ready.length && link.credit > 0 && link.sendable()) {
      if (from.ready.length > 1) setImmediate(deliver, name); // credit is counted when this one is on its way
      const stored = from.ready.shift();
      const until = Date.now() + settings.lockMs;
      const annotations = { ...stored.message.message_annotations, "x-opt-sequence-number": types.wrap_long(stored.sequence), "x-opt-enqueued-time": new Date(stored.enqueued), "x-opt-locked-until": new Date(until) };
      const delivery = link.send({ ...stored.message, delivery_count: stored.deliveries, message_annotations: annotations }, crypto.randomBytes(16));
      const timer = setTimeout(() => from.locked.delete(delivery) && again(name, stored), settings.lockMs);
      from.locked.set(delivery, { stored, timer });
    }
  }
}

/** A delivery failed: the message comes again, in its old place, or goes to the dead letters. */
function again(name, stored) {
  stored.deliveries += 1;
  if (stored.deliveries >= settings.maxDeliveryCount && name !== deadLetters(name.split("/")[0])) return bury(name, stored, "MaxDeliveryCountExceeded");
  putBack(name, stored);
}

function putBack(name, stored) {
  const { ready } = queue(name);
  const place = ready.findIndex((other) => other.sequence > stored.sequence);
  ready.splice(place < 0 ? ready.length : place, 0, stored);
  deliver(name);
}

function bury(name, stored, reason) {
  const properties = { ...stored.message.application_properties, DeadLetterReason: reason };
  queue(deadLetters(name)).ready.push({ ...stored, deliveries: 0, message: { ...stored.message, application_properties: properties } });
  deliver(deadLetters(name));
}

/** What a receiver says of a delivery is done if it still has the lock, and confirmed by the same outcome. */
const outcomes = {
  accepted: () => {},
  released: putBack, // it never reached who asked for it: no delivery
  modified: again,
  rejected: (name, stored, state) => bury(name, stored, state.error?.info?.DeadLetterReason ?? "rejected"),
};
function settle({ delivery, sender }) {
  const name = nameOf(sender.source.address);
  const { locked } = queue(name);
  const held = locked.get(delivery);
  if (!held) {
    const lost = { condition: "com.microsoft:message-lock-lost", description: "The lock supplied is invalid.", info: {} };
    if (!delivery.settled) delivery.update(true, amqp.rejected({ error: lost }).described());
    return;
  }
  locked.delete(delivery);
  clearTimeout(held.timer);
  const state = delivery.remote_state;
  const outcome = state.constructor.composite_type; // not the event's name: `released` is also told of what is modified
  delivery.update(true, amqp[outcome]({}).described());
  outcomes[outcome](name, held.stored, state);
}
for (const outcome of Object.keys(outcomes)) container.on(outcome, settle);

container.on("sendable", ({ sender }) => isNode(sender.source.address) || deliver(nameOf(sender.source.address)));
/** A receiver takes its credit back, perhaps when none is left, and waits for an answer. */
container.on("sender_draining", ({ sender }) => {
  sender._get_drain = () => {
    const asked = sender._draining;
    sender._draining = false;
    while (sender.credit > 0) {
      sender.delivery_count += 1;
      sender.credit -= 1;
    }
    return asked;
  };
  sender.credit = sender.credit || 0;
  sender.set_drained(true);
  sender.connection._register();
});
/** A connection ends, in order or not: nothing more is sent on it. */
for (const event of ["connection_close", "disconnected"]) container.on(event, ({ connection }) => {
  for (const [name, from] of queues) {
    from.links = from.links.filter((link) => link.connection !== connection);
    for (const [delivery, held] of [...from.locked]) {
      if (delivery.link.connection === connection) {
        // As in the service, the lock stays until it expires.
        clearTimeout(held.timer);
        held.timer = setTimeout(() => from.locked.delete(delivery) && again(name, held.stored), settings.lockMs);
      }
    }
  }
});

/** Messages from a sequence number on, locked or not, as peeking answers them: each as encoded bytes. */
function peek(name, { "from-sequence-number": from, "message-count": most }) {
  const { ready, locked } = queue(name);
  const all = [...ready, ...[...locked.values()].map(({ stored }) => stored)].sort((one, other) => one.sequence - other.sequence);
  const found = all.filter(({ sequence }) => sequence >= Number(from)).slice(0, Math.min(Number(most), 20));
  return found.map(({ message, sequence, enqueued, deliveries }) => {
    const annotations = { ...message.message_annotations, "x-opt-sequence-number": types.wrap_long(sequence), "x-opt-enqueued-time": new Date(enqueued) };
    return { message: types.wrap_binary(amqp.encode({ ...message, delivery_count: deliveries, message_annotations: annotations })) };
  });
}

/** Requests: tokens are taken as they are, and peeking shows what is there to those who may listen. */
function answer({ receiver, message, delivery, connection }) {
  const reply = replies.find((link) => link.connection === connection && link.is_open() && (link.target.address === message.reply_to || link.source.address === receiver.target.address));
  const peeks = message.application_properties?.operation === "com.microsoft:peek-message";
  const denied = peeks && settings.deny.includes("listen");
  const messages = peeks && !denied ? peek(nameOf(receiver.target.address).replace("/$management", ""), message.body) : [];
  const [code, description] = denied ? [401, "'Listen' claim(s) are required."] : peeks && !messages.length ? [204, "No messages"] : [200, "OK"];
  const status = { "status-code": types.wrap_int(code), statusCode: types.wrap_int(code), "status-description": description, statusDescription: description };
  reply?.send({ correlation_id: message.message_id, to: message.reply_to, application_properties: status, body: messages.length ? { messages } : "" });
  delivery.accept();
}

/** The messages of a transfer: one, or a batch (a format of Service Bus: each data section is an encoded message). */
function unpack(message, format) {
  if (!format) return [message];
  const { body } = amqp.decode(message);
  return (body.multiple ? body.content : [body.content]).map((data) => amqp.decode(data));
}

const sizeOf = (message) => (Buffer.isBuffer(message) ? message.length : amqp.encode(message).length);
const bodyOf = (message) => Buffer.from(message.body?.content ?? message.body ?? "");

container.on("message", (context) => {
  const { receiver, message, delivery, format } = context;
  const name = nameOf(receiver.target.address);
  if (isNode(name)) return answer(context);
  const cut = () => context.connection.socket.destroy();
  if (settings.cutBefore && --settings.cutBefore === 0) return cut();
  const reject = (condition, description) => delivery.reject({ condition, description, info: {} });
  if (settings.full) return reject("amqp:resource-limit-exceeded", "The maximum entity size has been reached or exceeded.");
  if (settings.busy && settings.busy--) return reject("com.microsoft:server-busy", "The request was terminated because the entity is being throttled.");
  if (sizeOf(message) > settings.maxMessageSize) return reject("amqp:link:message-size-exceeded", `The received message of ${sizeOf(message)} bytes exceeds the allowed limit of ${settings.maxMessageSize}.`);
  const to = queue(name);
  for (const one of unpack(message, format)) {
    if (one.message_id !== undefined && to.seen.has(one.message_id)) {
      to.duplicates += 1;
      continue;
    }
    to.seen.add(one.message_id);
    to.ready.push({ message: one, deliveries: 0, sequence: ++to.sequence, enqueued: Date.now() });
  }
  if (settings.cutAfter && --settings.cutAfter === 0) return cut();
  const confirm = () => {
    if (context.connection.is_open()) delivery.accept();
    deliver(name);
  };
  if (settings.slowMs) setTimeout(confirm, settings.slowMs);
  else confirm();
});

// Faults cut connections in the middle of anything; the broker outlives them.
for (const event of ["connection_error", "session_error", "receiver_error", "sender_error", "error", "protocol_error"]) container.on(event, () => {});
process.on("uncaughtException", (error) => console.error(String(error.stack)));

container.sasl_server_mechanisms.enable_anonymous();
container.sasl_server_mechanisms.MSSBCBS = () => ({ start() { this.outcome = true; }, step() {} });

const listener = container.listen({ port: Number(process.argv[2] ?? 0), host: "127.0.0.1", max_frame_size: 65536 });

const control = http.createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    if (request.method === "POST") {
      Object.assign(settings, JSON.parse(text));
      if (settings.drop) {
        for (const socket of sockets) socket.destroy();
        settings.drop = false;
      }
      return response.end("{}");
    }
    const { ready, locked, duplicates } = queue(new URL(request.url, "http://127.0.0.1").searchParams.get("queue"));
    const shown = ({ message, deliveries }) => ({ id: message.message_id, deliveries, properties: message.application_properties, body: bodyOf(message).toString("base64") });
    response.end(JSON.stringify({ ready: ready.map(shown), locked: locked.size, duplicates }));
  });
});
const sockets = new Set();
listener.on("connection", (socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
});
listener.on("listening", () => control.listen(0, "127.0.0.1", () => console.log(listener.address().port, control.address().port)));
