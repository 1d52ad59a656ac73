#!/usr/bin/env bash
# Pushes the generated match (or a file, looped) with ffmpeg over RTMP.
#
#   samples/push-ffmpeg.sh 'rtmp://127.0.0.1:1935/live/match?key=SECRET' [FILE]
#
# SIZE, FPS, BITRATE and FFMPEG may be set: SIZE=1920x1080 FPS=50 BITRATE=8M samples/push-ffmpeg.sh ...
# Ctrl-C ends it. Needs ffmpeg with libx264 and, for the match, Node 20.
set -euo pipefail

url=${1:?the RTMP address is missing, for example rtmp://127.0.0.1:1935/live/match?key=SECRET}
file=${2:-}
size=${SIZE:-1280x720}
fps=${FPS:-30}
bitrate=${BITRATE:-6M}
ffmpeg=${FFMPEG:-ffmpeg}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# A keyframe every 2 s, so that the origin starts within 2 s and copies nothing twice. No B-frames: they would add delay and win
# little, since the feed is decoded again. Constant bitrate: the uplink sees no peaks. No filler, no scene-cut keyframes.
encode=(
  -c:v libx264 -preset veryfast -profile:v high -pix_fmt yuv420p -bf 0
  -g 600 -force_key_frames 'expr:gte(t,n_forced*2)' -sc_threshold 0
  -b:v "$bitrate" -maxrate "$bitrate" -bufsize "$bitrate"
  -color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv
  -c:a aac -b:a 160k -ar 48000 -ac 2
  -f flv -flvflags no_duration_filesize
)

if [[ -n $file ]]; then
  exec "$ffmpeg" -hide_banner -loglevel warning -re -stream_loop -1 -i "$file" \
    -map 0:v:0 -map '0:a:0?' "${encode[@]}" "$url"
fi

sound=$(node "$here/match-feed.mjs" --beep)
node "$here/match-feed.mjs" --realtime --size "$size" --fps "$fps" |
  "$ffmpeg" -hide_banner -loglevel warning -thread_queue_size 32 -f yuv4mpegpipe -i pipe:0 -f lavfi -i "$sound" \
    -map 0:v -map 1:a "${encode[@]}" "$url"
