import type { HistoryReport } from '../received/receivedVolume.ts';

/** A volume's kept past as a page shows it: what `/history.json?volume=` says. */
export interface ShortHistory extends HistoryReport {
  /** Bookmarks and spans that are left out, the oldest of them. */
  leftOut: { bookmarks: number; spans: number };
}

export const SHOWN_MAX = 500;

/** The newest bookmarks and spans: a page has room for so many. `all`: spans that there are, where the report has not all. */
export function shortHistory(report: HistoryReport, all: number = report.spans.length): ShortHistory {
  const { bookmarks, spans } = report;
  return {
    ...report,
    bookmarks: bookmarks.slice(-SHOWN_MAX),
    spans: spans.slice(-SHOWN_MAX),
    leftOut: {
      bookmarks: Math.max(0, bookmarks.length - SHOWN_MAX),
      spans: Math.max(0, all - SHOWN_MAX),
    },
  };
}
