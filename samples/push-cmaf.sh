#!/usr/bin/env bash
# Pushes CMAF with ffmpeg: two video Tracks and sound, encoded here, as the origin's channel declares them.
#
#   samples/push-cmaf.sh http://127.0.0.1:8082/cmaf/match KEY [mp4|dash|utc]
#
# The service: serve --config samples/push-cmaf.yaml, or any channel with `source: cmaf` whose ladder has 720p, 360p and audio in this order.
#   mp4   one endless POST for each Track, times from 0 (the default)
#   dash  what ffmpeg's dash muxer PUTs: a file for each Segment; its streams 0, 1, 2 are the ladder's Tracks in order
#   utc   as mp4, with times of UTC: two encoders of one programme fit together
# FPS (25 or 30) and FFMPEG may be set. Ctrl-C ends it.
set -euo pipefail

base=${1:?the address is missing, for example http://127.0.0.1:8082/cmaf/match}
key=${2:?the key of the channel is missing}
way=${3:-mp4}
fps=${FPS:-25}
ffmpeg=${FFMPEG:-ffmpeg}

# What every Track needs: a keyframe at the start of each Segment of 2 s and none between, all of one clock, sound at 48 kHz.
gop=(-g $((fps * 2)) -keyint_min $((fps * 2)) -sc_threshold 0)
x264=(-c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p "${gop[@]}")
high=(-b:v 2800k -maxrate 2800k -bufsize 2800k -s 1280x720)
low=(-b:v 700k -maxrate 700k -bufsize 700k -s 640x360)
sound=(-c:a aac -b:a 128k -ar 48000 -ac 2)
input=(-hide_banner -loglevel warning -re -f lavfi -i "testsrc2=s=1280x720:r=$fps" -re -f lavfi -i "sine=440:r=48000")

if [ "$way" = dash ]; then
  # The dash muxer hands no -headers on, but a password it does.
  exec "$ffmpeg" "${input[@]}" -map 0:v -map 0:v -map 1:a "${x264[@]}" \
    -b:v:0 2800k -maxrate:v:0 2800k -bufsize:v:0 2800k -s:v:0 1280x720 \
    -b:v:1 700k -maxrate:v:1 700k -bufsize:v:1 700k -s:v:1 640x360 "${sound[@]}" \
    -f dash -method PUT -seg_duration 2 -use_template 1 -use_timeline 0 -streaming 1 -ldash 1 \
    -window_size 3 -extra_window_size 1 -http_persistent 1 "${base/:\/\//://push:$key@}/out.mpd"
fi

offset=()
# Begins on the Segment after the next second: UTC that is a whole number of Segments.
if [ "$way" = utc ]; then offset=(-output_ts_offset $((($(date +%s) + 3) / 2 * 2))); fi
mp4=(-f mp4 -movflags +cmaf+frag_keyframe+frag_discont+skip_trailer -frag_duration 400000 -method POST)
mp4+=(-headers "Authorization: Bearer $key"$'\r\n')

exec "$ffmpeg" "${input[@]}" \
  -map 0:v "${x264[@]}" "${high[@]}" "${offset[@]}" "${mp4[@]}" "$base/720p" \
  -map 0:v "${x264[@]}" "${low[@]}" "${offset[@]}" "${mp4[@]}" "$base/360p" \
  -map 1:a "${sound[@]}" "${offset[@]}" "${mp4[@]}" "$base/audio"
