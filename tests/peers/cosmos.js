// A Cosmos DB peer for tests: @vercel/cosmosdb-server on loopback, with the service's answer where it differs, and faults on
// demand. Prints its port. POST /faults {"status": 429, "count": 3, "headers": {...}} makes the next calls on documents fail.
"use strict";
const { createHttpsServer } = require("@vercel/cosmosdb-server");

const server = createHttpsServer({ keepAlive: true });
const [handle] = server.listeners("request");
server.removeAllListeners("request");
console.error = () => {}; // it logs each of the 500s that are put right below
let fault = { count: 0 };

server.on("request", (request, response) => {
  if (request.url === "/faults") {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      fault = JSON.parse(text);
      response.end("{}");
    });
    return;
  }
  if (fault.count > 0 && /\/docs/.test(request.url)) {
    fault.count -= 1;
    response.writeHead(fault.status, { "content-type": "application/json", "x-ms-request-charge": "0", ...fault.headers });
    response.end(JSON.stringify({ code: String(fault.status), message: "a fault on demand" }));
    return;
  }
  // What the service does otherwise than this server:
  const end = response.end.bind(response);
  const partition = request.headers["x-ms-documentdb-partitionkey"];
  response.end = (body, ...rest) => {
    if (request.method === "GET" && response.statusCode === 500 && /Cannot read properties of undefined/.test(body)) {
      response.statusCode = 404; // a point read of a missing item
      body = JSON.stringify({ code: "NotFound", message: "Resource Not Found" });
    }
    if (request.headers["x-ms-documentdb-isquery"] && response.statusCode === 200 && partition) {
      const answer = JSON.parse(body); // a query sees the one partition that its header names
      if (answer.Documents) {
        answer.Documents = answer.Documents.filter((item) => item.pk === JSON.parse(partition)[0]);
        answer._count = answer.Documents.length;
        body = JSON.stringify(answer);
      }
    }
    return end(body, ...rest);
  };
  handle(request, response);
});

server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(server.address().port));
