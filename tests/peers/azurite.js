// Azure Storage's blobs on loopback: azurite, in memory, on a free port that it prints first.
"use strict";
const net = require("net");
const { spawn } = require("child_process");
const path = require("path");

const probe = net.createServer().listen(0, "127.0.0.1", () => {
  const { port } = probe.address();
  probe.close(() => {
    const script = path.join(path.dirname(require.resolve("azurite/package.json")), "dist/src/blob/main.js");
    const azurite = spawn(process.execPath, [script, "--blobPort", String(port), "--skipApiVersionCheck", "--inMemoryPersistence", "--silent"], { stdio: "ignore" });
    for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => { azurite.kill("SIGKILL"); process.exit(); });
    const wait = () => {
      const socket = net.connect(port, "127.0.0.1", () => { socket.destroy(); console.log(port); });
      socket.on("error", () => setTimeout(wait, 50));
    };
    wait();
  });
});
