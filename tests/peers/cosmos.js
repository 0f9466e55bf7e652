// A Cosmos DB peer for tests: @vercel/cosmosdb-server on loopback, with the service's answer where it differs, and faults on
// demand. Prints its port. Arguments: the port (any), and "http" for a server without TLS.
//
// POST /control sets what is in its body:
//   fault        {"status": 429, "count": 3, ...}: the next so many calls on documents fail. Besides:
//     headers    of the answer
//     drop       instead of an answer, the connection is cut: "before" anything is read of it, or in the "middle" of it
//     hang       true: no answer comes
//     after      true: the call is done first
//     skip       so many calls go well before
//     match      a pattern of "METHOD /path", where other calls than those on documents are meant
//   expired      the tokens of callers that are denied access: 403 with sub-status 5300
//   consistency  the account's default level, by name; null: the account does not tell
// GET /control answers {"calls": [{"method", "path", "headers"}]} since the last GET; headers are as they came.
"use strict";
const { createHttpServer, createHttpsServer } = require("@vercel/cosmosdb-server");

const [port = 0, plain] = process.argv.slice(2);
const server = plain === "http" ? createHttpServer({ keepAlive: true }) : createHttpsServer({ keepAlive: true });
const [handle] = server.listeners("request");
server.removeAllListeners("request");
console.error = () => {}; // it logs each of the 500s that are put right below
const state = { fault: { count: 0 }, expired: [], consistency: "Session" };
const MOST_CALLS = 1000;
let calls = [];
const written = {}; // how often each container was written: its "log sequence number"

const json = (value) => JSON.stringify(value);

server.on("request", (request, response) => {
  if (request.url === "/control") {
    if (request.method === "GET") {
      response.end(json({ calls }));
      calls = [];
      return;
    }
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      Object.assign(state, JSON.parse(text));
      response.end("{}");
    });
    return;
  }
  calls = [...calls.slice(1 - MOST_CALLS), { method: request.method, path: request.url, headers: request.headers }];
  if (state.expired.some((token) => decodeURIComponent(request.headers.authorization).endsWith(`sig=${token}`))) {
    fail({ status: 403, headers: { "x-ms-substatus": "5300" } }, request, response);
    return;
  }
  const fault = faultOf(request);
  if (fault && !fault.after) {
    fail(fault, request, response);
    return;
  }
  const ahead = Number(/#(\d+)$/.exec(request.headers["x-ms-session-token"])?.[1] ?? 0) > (written[containerOf(request)] ?? 0);
  if (ahead) {
    // a session that has seen more of this container than there is: as where a replica is behind, it is not served
    fail({ status: 404, headers: { "x-ms-substatus": "1002" } }, request, response);
    return;
  }
  const end = response.end.bind(response);
  response.end = (body, ...rest) => {
    if (fault) return fail(fault, request, response, end);
    return end(answer(request, response, body), ...rest);
  };
  handle(request, response);
});

function faultOf(request) {
  const { fault } = state;
  if (!fault.count || !new RegExp(fault.match ?? "/docs").test(`${request.method} ${request.url}`)) return null;
  if (fault.skip) {
    fault.skip -= 1;
    return null;
  }
  fault.count -= 1;
  return fault;
}

function fail(fault, request, response, end = response.end.bind(response)) {
  if (fault.hang) return;
  if (fault.drop === "middle") {
    response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
    response.write('{"half');
    setTimeout(() => request.socket.destroy(), 20); // after it has left
  } else if (fault.drop) {
    request.socket.destroy();
  } else {
    response.writeHead(fault.status, { "content-type": "application/json", "x-ms-request-charge": "0", ...fault.headers });
    end(json({ code: String(fault.status), message: "a fault on demand" }));
  }
}

/** The path of the container that a call on documents is for. */
function containerOf(request) {
  return request.url.slice(1).split("/").slice(0, 4).join("/");
}

/** What the service does otherwise than this server. */
function answer(request, response, body) {
  const partition = request.headers["x-ms-documentdb-partitionkey"];
  if (request.url === "/") {
    const account = JSON.parse(body);
    const here = `${plain === "http" ? "http" : "https"}://${request.headers.host}/`; // and not an address that only it knows
    for (const location of [...account.writableLocations, ...account.readableLocations]) location.databaseAccountEndpoint = here;
    account.userConsistencyPolicy = state.consistency && { defaultConsistencyLevel: state.consistency };
    return json(account);
  }
  if (request.method === "GET" && response.statusCode === 500 && /Cannot read properties of undefined/.test(body)) {
    response.statusCode = 404; // a point read of a missing item
    return json({ code: "NotFound", message: "Resource Not Found" });
  }
  if (/\/pkranges/.test(request.url)) {
    return body?.replace(/"id":(\d+)/g, '"id":"$1"');
  }
  if (/\/docs/.test(request.url) && response.statusCode < 300) {
    const writes = request.method !== "GET" && !request.headers["x-ms-documentdb-isquery"];
    const container = containerOf(request);
    written[container] = (written[container] ?? 0) + (writes ? 1 : 0);
    response.setHeader("x-ms-session-token", `0:-1#${written[container]}`);
    response.setHeader("x-ms-documentdb-partitionkeyrangeid", "0");
    response.setHeader("x-ms-alt-content-path", container);
    if (writes && request.headers.prefer === "return=minimal") return "";
  }
  if (request.headers["x-ms-documentdb-isquery"] && response.statusCode === 200 && partition) {
    const found = JSON.parse(body);
    if (found.Documents) {
      // A query sees the one partition that its header names.
      found.Documents = found.Documents.filter((item) => item.pk === JSON.parse(partition)[0]);
      found._count = found.Documents.length;
      return json(found);
    }
  }
  return body;
}

server.listen(Number(port), "127.0.0.1", () => console.log(server.address().port));
