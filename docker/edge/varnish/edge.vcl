# A Varnish edge or shield in front of one Pitchside origin, also for low latency: waiting requests are woken at once, and an
# object that is still growing is passed on byte by byte. Written for Varnish 7.1 (Debian 12), default settings otherwise:
#
#   varnishd -F -a :8088 -f "$PWD/docker/edge/varnish/edge.vcl" -s malloc,2g -p thread_pool_min=100 -p thread_pool_max=1000
#
# Players then use http://EDGE:8088/live/match/master.m3u8; for TLS, HTTP/2 and HTTP/3 put Caddy in front (../caddy). The origin's
# address stands in origin.vcl. PITCHSIDE_EDGE_SECRET in the environment of varnishd opens an origin that is locked.
vcl 4.1;

import std;
include "./origin.vcl";

sub vcl_recv {
  # If you check tokens or cookies, do it here, before they go: what is not in the key is not checked by a hit.
  unset req.http.Cookie;
  unset req.http.Authorization;
  unset req.http.X-Origin-Key;
  unset req.http.X-Cache-Status;

  if (req.url ~ "^/time($|\?)") {
    return (synth(710));
  }
  # A preflight is the same for every object: at 10,000 viewers it must not be a request to the origin.
  if (req.method == "OPTIONS") {
    return (synth(204));
  }
  if (req.method != "GET" && req.method != "HEAD") {
    return (synth(405));
  }
  # Invented paths and endless ones never reach the origin.
  if (req.url ~ "^[^?]{1025}") {
    return (synth(414));
  }
  if (req.url !~ "^/live/[a-z0-9-]{1,63}/(([a-z0-9-]{1,32}/)?[a-z]{1,16}\.(m3u8|mpd)|[a-z0-9-]{1,32}/[A-Za-z0-9_-]{1,64}/[A-Za-z0-9._-]{1,80}\.(m4s|mp4))($|\?)") {
    return (synth(404));
  }

  # Of the query only the HLS delivery directives belong to the object, of a media playlist alone, in one order and spelling;
  # CMCD, tokens and the rest do not.
  set req.http.X-Query = "";
  if (req.url ~ "/media\.m3u8\?") {
    if (req.url ~ "[?&]_HLS_msn=[0-9]{1,16}(&|$)") {
      set req.http.X-Query = req.http.X-Query + regsub(req.url, ".*[?&]_HLS_msn=0*([0-9]+)(&.*|$)", "&_HLS_msn=\1");
    }
    if (req.url ~ "[?&]_HLS_part=[0-9]{1,16}(&|$)") {
      set req.http.X-Query = req.http.X-Query + regsub(req.url, ".*[?&]_HLS_part=0*([0-9]+)(&.*|$)", "&_HLS_part=\1");
    }
    if (req.url ~ "[?&]_HLS_skip=(YES|v2)(&|$)") {
      set req.http.X-Query = req.http.X-Query + regsub(req.url, ".*[?&](_HLS_skip=(YES|v2))(&.*|$)", "&\1");
    }
  }
  set req.url = regsub(req.url, "\?.*$", "") + regsub(req.http.X-Query, "^&", "?");
  unset req.http.X-Query;

  # Nothing stale while the origin is well; after a failed fetch (a restart) what stale-if-error allowed.
  if (req.restarts == 0) {
    set req.grace = 0s;
  } else {
    set req.grace = 1h;
  }
}

sub vcl_hit {
  set req.http.X-Cache-Status = "hit; ttl=" + regsub(obj.ttl, "\..*$", "");
}

sub vcl_miss {
  set req.http.X-Cache-Status = "fwd=uri-miss";
}

sub vcl_pass {
  set req.http.X-Cache-Status = "fwd=bypass";
}

# The path and its directives are the object, whatever name the edge was called by.
sub vcl_hash {
  hash_data(req.url);
  return (lookup);
}

sub vcl_backend_fetch {
  # The first of what may be two, while one is changed for the other.
  set bereq.http.X-Origin-Key = regsub(std.getenv("PITCHSIDE_EDGE_SECRET"), ",.*$", "");
  if (bereq.http.X-Origin-Key == "") {
    unset bereq.http.X-Origin-Key;
  }
  # Longer than a hold: the origin keeps a request for the next object for up to one segment, and a blocking playlist request
  # for up to three (18 s with segments of 6 s). A list without directives is there at once, or the origin hangs: then what is
  # kept serves as long as stale-if-error says.
  set bereq.first_byte_timeout = 20s;
  if (bereq.url ~ "\.(m3u8|mpd)$") {
    set bereq.first_byte_timeout = 4s;
  }
  set bereq.between_bytes_timeout = 10s;
}

sub vcl_backend_response {
  unset beresp.http.Set-Cookie;
  # Purge keys and the directives for surrogates are for this cache alone.
  unset beresp.http.Surrogate-Control;
  # The origin is locked and does not know this edge's secret: that is our fault, not the viewer's, and the same for all of them.
  if (beresp.status == 401 || beresp.status == 403) {
    return (error(502));
  }
  # An error must not take the place of the good copy that may still be served stale.
  if (beresp.status >= 500) {
    return (error(beresp.status));
  }
  # CDN-Cache-Control (RFC 9213) is meant for caches like this one and wins over Cache-Control.
  if (beresp.http.CDN-Cache-Control ~ "no-store|no-cache|private") {
    set beresp.uncacheable = true;
    set beresp.ttl = 0s;
    return (deliver);
  }
  if (beresp.http.CDN-Cache-Control ~ "(^|[ ,])max-age=[0-9]+") {
    set beresp.ttl = std.duration(regsub(beresp.http.CDN-Cache-Control, ".*max-age=([0-9]+).*", "\1") + "s", 0s);
  }
  # Varnish does not read stale-if-error by itself.
  set beresp.keep = 0s;
  set beresp.grace = 0s;
  if (beresp.http.Cache-Control ~ "stale-if-error=[0-9]+") {
    set beresp.grace = std.duration(regsub(beresp.http.Cache-Control, ".*stale-if-error=([0-9]+).*", "\1") + "s", 0s);
  }
}

# With CORS, or a browser tells its player of a network error instead of a 503. Who waited for the same object gets the same
# answer: Varnish keeps an error for a second when somebody waits, instead of sending them to the origin one by one.
sub vcl_backend_error {
  set beresp.http.Content-Type = "application/json; charset=utf-8";
  set beresp.http.Cache-Control = "no-store";
  set beresp.http.Retry-After = "1";
  set beresp.http.Access-Control-Allow-Origin = "*";
  set beresp.http.Access-Control-Expose-Headers = "Date, Retry-After";
  set beresp.http.Timing-Allow-Origin = "*";
  set beresp.grace = 0s;
  synthetic("""{"code":"EDGE_NO_ANSWER","message":"The origin has no answer now. Ask again in a second."}""");
  return (deliver);
}

sub vcl_deliver {
  # Once more, now with grace. Only for lists without directives: media is never stale, and what was held would be held again.
  if (resp.status >= 500 && req.restarts == 0 && req.url ~ "\.(m3u8|mpd)$" && (req.method == "GET" || req.method == "HEAD")) {
    return (restart);
  }
  # RFC 9211: the member of the cache nearest to the origin comes first.
  if (resp.http.Cache-Status) {
    set resp.http.Cache-Status = resp.http.Cache-Status + ", varnish; " + req.http.X-Cache-Status;
  } else {
    set resp.http.Cache-Status = "varnish; " + req.http.X-Cache-Status;
  }
  unset resp.http.Via;
  unset resp.http.X-Varnish;
}

sub vcl_synth {
  set resp.http.Access-Control-Allow-Origin = "*";
  set resp.http.Timing-Allow-Origin = "*";
  set resp.http.Cache-Control = "no-store";
  if (resp.status == 204) {
    set resp.http.Cache-Control = "public, max-age=7200";
    set resp.http.Access-Control-Max-Age = "7200";
    set resp.http.Access-Control-Allow-Methods = "GET, HEAD, OPTIONS";
    set resp.http.Access-Control-Allow-Headers = "Range, If-None-Match, If-Modified-Since, Authorization, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session";
    synthetic("");
    return (deliver);
  }
  if (resp.status == 405) {
    set resp.http.Allow = "GET, HEAD, OPTIONS";
  }
  set resp.http.Content-Type = "text/plain";
  if (resp.status != 710) {
    synthetic("");
    return (deliver);
  }
  # The clock for DASH, answered here: a cached or distant clock is a wrong clock. Keep this machine's clock by NTP.
  # `now` as a string is "Sat, 21 Nov 2026 20:14:00 GMT", as a number 1795292040.123.
  set resp.status = 200;
  set resp.reason = "OK";
  set resp.http.X-Now = now;
  set resp.http.X-Month = regsub(resp.http.X-Now, "^.{8}(...).*", "\1");
  if (resp.http.X-Month == "Jan") { set resp.http.X-Month = "01"; }
  elseif (resp.http.X-Month == "Feb") { set resp.http.X-Month = "02"; }
  elseif (resp.http.X-Month == "Mar") { set resp.http.X-Month = "03"; }
  elseif (resp.http.X-Month == "Apr") { set resp.http.X-Month = "04"; }
  elseif (resp.http.X-Month == "May") { set resp.http.X-Month = "05"; }
  elseif (resp.http.X-Month == "Jun") { set resp.http.X-Month = "06"; }
  elseif (resp.http.X-Month == "Jul") { set resp.http.X-Month = "07"; }
  elseif (resp.http.X-Month == "Aug") { set resp.http.X-Month = "08"; }
  elseif (resp.http.X-Month == "Sep") { set resp.http.X-Month = "09"; }
  elseif (resp.http.X-Month == "Oct") { set resp.http.X-Month = "10"; }
  elseif (resp.http.X-Month == "Nov") { set resp.http.X-Month = "11"; }
  else { set resp.http.X-Month = "12"; }
  synthetic(regsub(resp.http.X-Now, "^.{12}(....).*", "\1") + "-" + resp.http.X-Month
    + regsub(resp.http.X-Now, "^.{5}(..).*", "-\1")
    + regsub(resp.http.X-Now, "^.{17}(.{8}).*", "T\1")
    + regsub(std.time2real(now, 0.0), "^.*(\.[0-9]{3}).*$", "\1") + "Z");
  unset resp.http.X-Now;
  unset resp.http.X-Month;
  return (deliver);
}
