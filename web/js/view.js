// What the page needs from a view, and a view from the page: types only. Knows no view, and not how the page works.

/**
 * @typedef {import("./ask.js").Parameters} Parameters
 * @typedef {import("./lists.js").Lists} Lists
 * @typedef {import("./range.js").Range} Range
 */

/**
 * @template Own
 * @typedef {{view: View<Own>, range: Range, own: Own}} Chosen `own`: the choices that only that view offers
 */

/**
 * @template Own
 * @typedef {{own: Own, newest: number, end: number, suppressed: string, notice: string, empty: string}} Shown
 *   `own`: the choice, completed with the view's defaults. `newest`: the newest minute with data, `end`: the end of
 *   the range (Unix seconds, 0: none). `suppressed`, `notice`, `empty`: messages to people; empty if there is none.
 */

/**
 * Which of the controls for all views a view uses: the range of time, what it is compared with, interval and aggregation
 * of points, and what can be saved of it.
 * @typedef {"range" | "against" | "points" | "csv" | "png"} Control
 */

/**
 * What the page needs from a view. `fields` are its own controls. `show` sets controls and layout to the choice and asks
 * nothing. `refresh` asks and draws; null if the choice changed meanwhile. `always`: it has something to show before any data
 * has come. `whole`: load what is printed, in view or not. `table` and `drawings` are what its "csv" and "png" save.
 * `heading` is what the tab's title says.
 * @template Own
 * @typedef {{name: string, controls: Control[], fields: HTMLElement[], body: HTMLElement,
 *   read: (given: URLSearchParams) => Own, write: (own: Own) => Parameters, show: (chosen: Chosen<Own>, lists: Lists) => void,
 *   refresh: (chosen: Chosen<Own>, lists: Lists, current: () => boolean) => Promise<Shown<Own> | null>,
 *   always?: boolean, whole?: () => Promise<void>, table?: (chosen: Chosen<Own>, lists: Lists) => {path: string, keys: string[], parameters: Parameters},
 *   drawings?: () => import("./files.js").Drawing[], width: () => number, fit: () => void,
 *   heading: (chosen: Chosen<Own>, lists: Lists) => string}} View
 */

/**
 * What a view needs from the page: change the choice; adjust what needs no answer from the server; look at a part of the
 * range, from which Esc and a double click lead back; ask again; an address: of another choice of the view that asks, or of
 * another view with URL parameters.
 * @typedef {{choose: (changes: {range?: Partial<Range>, own?: unknown}) => void, adjust: (own: unknown) => void,
 *   zoom: (start: number, end: number) => void, refresh: () => void, address: (view: string, own: object | Parameters, range: Range) => string}} Host
 */

export {};
