# A Varnish edge in front of one Pitchside origin, also for low latency: waiting requests are woken at once, and an object that is
# still growing is passed on byte by byte. Written for Varnish 7.1 (Debian 12), default settings otherwise:
#
#   varnishd -F -a :8088 -f "$PWD/samples/default.vcl" -s malloc,2g -p thread_pool_min=100 -p thread_pool_max=1000
#
# Players then use http://EDGE:8088/live/match/master.m3u8. For TLS put hitch or nginx (without a cache) in front.
vcl 4.1;

import std;

backend default {
  .host = "127.0.0.1";
  .port = "8080";
  .max_connections = 2000;
  .connect_timeout = 1s;
  # Longer than a hold: the origin keeps a request for the next object for up to one segment, and a blocking playlist request
  # for up to three (18 s with segments of 6 s).
  .first_byte_timeout = 20s;
}

sub vcl_recv {
  # If you check tokens or cookies, do it here, before they go: what is not in the key is not checked by a hit.
  unset req.http.Cookie;
  unset req.http.Authorization;

  if (req.url ~ "^/time($|\?)") {
    return (synth(710));
  }
  if (req.url !~ "^/live/") {
    return (synth(404));
  }
  if (req.method != "GET" && req.method != "HEAD" && req.method != "OPTIONS") {
    return (synth(405));
  }

  # Of the query only the HLS delivery directives belong to the object, in one order; CMCD, tokens and the rest do not.
  set req.http.X-Query = "";
  if (req.url ~ "[?&]_HLS_msn=[0-9]+") {
    set req.http.X-Query = req.http.X-Query + regsub(req.url, ".*[?&](_HLS_msn=[0-9]+).*", "&\1");
  }
  if (req.url ~ "[?&]_HLS_part=[0-9]+") {
    set req.http.X-Query = req.http.X-Query + regsub(req.url, ".*[?&](_HLS_part=[0-9]+).*", "&\1");
  }
  if (req.url ~ "[?&]_HLS_skip=(YES|v2)") {
    set req.http.X-Query = req.http.X-Query + regsub(req.url, ".*[?&](_HLS_skip=(YES|v2)).*", "&\1");
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

# The path and its directives are the object, whatever name the edge was called by.
sub vcl_hash {
  hash_data(req.url);
  return (lookup);
}

sub vcl_backend_response {
  unset beresp.http.Set-Cookie;
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
  # Once more, now with grace. Not for a request that was held: it would be held a second time.
  if (resp.status >= 500 && req.restarts == 0 && req.url !~ "_HLS_msn" && (req.method == "GET" || req.method == "HEAD")) {
    return (restart);
  }
  unset resp.http.Via;
  unset resp.http.X-Varnish;
}

sub vcl_synth {
  set resp.http.Access-Control-Allow-Origin = "*";
  set resp.http.Timing-Allow-Origin = "*";
  set resp.http.Cache-Control = "no-store";
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
