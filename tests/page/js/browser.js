// What modules of the page expect of a browser when they are loaded, for tests without one. Import it first.

globalThis.addEventListener ??= () => {};
globalThis.location ??= /** @type {any} */ (new URL("http://127.0.0.1/"));
