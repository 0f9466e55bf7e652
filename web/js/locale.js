// The languages in which a person reads numbers and times: those that the browser asks servers for, not the one that the
// browser's own menus have, which scripts use if none is given.

export const LOCALES = globalThis.navigator?.languages ?? [];
