#!/usr/bin/env bash
# Pushes the generated match with GStreamer over RTMP: another encoder, another muxer, another RTMP client than ffmpeg's.
#
#   samples/push-gstreamer.sh 'rtmp://127.0.0.1:1935/live/match?key=SECRET'
#
# SIZE, FPS and KBPS may be set. Ctrl-C ends it. Needs GStreamer 1.18 or newer and Node 20; on Debian:
#   apt-get install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
#     gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly      # flvmux: good; y4mdec, rtmp2sink, voaacenc: bad; x264enc: ugly
set -euo pipefail

url=${1:?the RTMP address is missing, for example rtmp://127.0.0.1:1935/live/match?key=SECRET}
size=${SIZE:-1280x720}
fps=${FPS:-30}
kbps=${KBPS:-6000}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# x264enc counts keyframes in frames: two seconds, rounded up for 23.976, 29.97 and 59.94.
gop=$(node -p "2 * Math.ceil($fps)")

# The ticks are the match's beep: 100 periods of 1 kHz every 2 s, beginning with the first frame.
node "$here/match-feed.mjs" --realtime --size "$size" --fps "$fps" |
  gst-launch-1.0 -q -e \
    flvmux name=mux streamable=true ! rtmp2sink location="$url" async-connect=false \
    fdsrc fd=0 ! y4mdec ! queue max-size-buffers=60 max-size-bytes=0 max-size-time=0 ! \
    x264enc bitrate="$kbps" vbv-buf-capacity=1000 pass=cbr bframes=0 key-int-max="$gop" option-string="scenecut=0" \
      speed-preset=veryfast tune=zerolatency ! \
    'video/x-h264,profile=high' ! h264parse ! queue ! mux.video \
    audiotestsrc wave=ticks freq=1000 tick-interval=2000000000 sine-periods-per-tick=100 volume=0.4 ! \
    'audio/x-raw,rate=48000,channels=2' ! queue ! voaacenc bitrate=160000 ! aacparse ! queue ! mux.audio
