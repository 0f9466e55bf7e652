// The window of the API: 15 minutes, named by its first second.

export const WINDOW = 900; // seconds
export const WINDOW_MINUTES = 15;
export const HALF = 450; // seconds: a window's value is drawn at its middle
