/** Types of tandem.js, which docs/browser.md describes. */

export interface Options {
  /** Whose lists and events: the user of the tokens. Events of other users in this browser stay. */
  userId: string;
  /** Asks your backend for a token of that user; called when there is none, or it is used up. */
  getToken: () => string | Promise<string>;
  /** What went wrong with events: with an event that was dropped, or without one if all wait. */
  onError?: (error: TandemError | Error, event?: TrackedEvent) => void;
  /** The address of the API, if it is not where the script came from. */
  url?: string;
}

/** An event as POST /v1/events takes it, but for what `track` adds. */
export interface Event {
  kind: string;
  item_id: string;
  value?: number;
  scale?: string;
  recommendation_id?: string;
  /** ISO 8601; left out, now. */
  occurred_at?: string;
  /** Left out, a new one; the same id counts once. */
  event_id?: string;
}

export interface TrackedEvent extends Event {
  event_id: string;
  user_id: string;
}

type Value = string | number | boolean;

/** Parameters as GET takes them; a list is given one value at a time, null and undefined not at all. */
export type Query = Record<string, Value | readonly Value[] | null | undefined>;

export interface Item {
  item_id: string;
  title: string;
  score: number;
  [field: string]: unknown;
}

/** The fields that all lists have; /docs describes the others. */
export interface List {
  items: Item[];
  source: string;
  [field: string]: unknown;
}

export interface RecommendationList extends List {
  recommendation_id: string;
  user_id: string;
  strategy: string;
}

/** A problem document (RFC 9457) as an error. */
export class TandemError extends Error {
  status: number;
  /** Seconds; 0 if the answer named none. */
  retryAfter: number;
  type?: string;
  title?: string;
  detail?: string;
  instance?: string;
  request_id?: string;
  errors?: { pointer: string; detail: string }[];
}

export interface Tandem {
  recommendations(query?: Query): Promise<RecommendationList>;
  similar(itemId: string, query?: Query): Promise<List>;
  search(q: string, query?: Query): Promise<List>;
  popular(query?: Query): Promise<List>;
  /** Any other route by its path, such as /v1/trending. */
  get(path: string, query?: Query): Promise<any>;
  post(path: string, body: object): Promise<any>;
  /** Takes an event at once and sends it with others within a second; answers its id. */
  track(event: Event): string;
  /** Tracks an event once half of the element was seen for a second; the kind is `impression`. */
  observe(element: Element, event: Omit<Event, "kind"> & { kind?: string }): void;
  /** Sends what waits; resolves also if that failed, which `onError` gets. */
  flush(): Promise<void>;
  /** The same, and ends everything, as before another user signs in. */
  close(): Promise<void>;
}

export function connect(options: Options): Tandem;
