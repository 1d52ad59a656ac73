/**
 * The rules on HTTP answers: RFC 9110, RFC 9111, what CDNs and browsers need.
 * Data only; see catalogue.ts for what the columns mean.
 */
import type { RuleRow } from './catalogue.ts';

export const HTTP_RULES = {
  'http.no-answer': ['RFC 9110 3.4', 'error', 'Answer every request.'],
  'http.status': ['RFC 8216bis 6.2.1, ISO/IEC 23009-1 A.3', 'error', 'Answer 200 for whatever a manifest names.'],
  'http.redirect': ['Apple HLS 8.18', 'error', 'Answer media requests without redirects.'],
  'http.content-type': ['RFC 8216bis 4, Apple HLS 10.4', 'error', 'Send the media type of the object.'],
  'http.cache-control': ['RFC 9111 4.2.2, RFC 9110 15.1', 'error', 'Send Cache-Control on every status, 404 too.'],
  'http.cache-media': ['RFC 9111 5.2.2', 'error', 'Let media be cached for longer than it is listed.'],
  'http.immutable': ['RFC 8246 2', 'warning', 'Mark media immutable: its URL never has another body.'],
  'http.cache-playlist': [
    'RFC 8216bis B.1',
    'error',
    'Let caches keep a live playlist no longer than the target duration.',
  ],
  'http.cache-uncollapsed': [
    'RFC 9111 5.2.2.5',
    'warning',
    'Use max-age=1, not no-store: caches cannot collapse what they may not store.',
  ],
  'http.cache-mpd': ['ISO/IEC 23009-1 5.4.1', 'error', 'Let caches keep the MPD no longer than minimumUpdatePeriod.'],
  'http.cache-missing': [
    'RFC 9111 4.2.2',
    'error',
    'Let caches keep a 404 for a minute at most, at the live edge for a second.',
  ],
  'http.cors': ['Fetch 3.3', 'error', 'Send Access-Control-Allow-Origin on every status.'],
  'http.etag': ['RFC 9110 8.8.3', 'error', 'Send an ETag made of the content, a strong one with media.'],
  'http.revalidation': ['RFC 9110 13.1.2, 15.4.5', 'error', 'Answer If-None-Match by 304 with ETag and Cache-Control.'],
  'http.head': ['RFC 9110 9.3.2', 'error', 'Send the same headers for HEAD as for GET.'],
  'http.range': ['RFC 9110 14', 'error', 'Answer ranges of finished objects by 206 and 416 with Content-Range.'],
  'http.gzip': ['Apple HLS 10.1', 'error', 'Compress playlists for those who accept it, with Vary: Accept-Encoding.'],
  'http.gzip-mpd': [
    'RFC 9110 8.4.1.3',
    'warning',
    'Compress the MPD for those who accept it, with Vary: Accept-Encoding.',
  ],
  'http.gzip-etag': ['RFC 9110 8.8.3.3', 'error', 'Give the compressed form its own ETag.'],
  'http.one-body': ['RFC 8246 2', 'error', 'Give changed bytes a new URL.'],
  'http.set-cookie': ['RFC 9111 7.3', 'error', 'Send no cookies with playlists and media.'],
  'http.vary': ['RFC 9111 4.1', 'warning', 'Vary on Accept-Encoding alone, and only texts.'],
  'http.early': [
    'DASH-IF TM 4.5',
    'error',
    'Hold a request for the next segment, or answer 404 with max-age of at most 1.',
  ],
} as const satisfies Record<string, RuleRow>;
