"""Serves a folder of JPEG pictures over RTSP on loopback, again and again; prints its port. For Debian's own Python.

Arguments: the folder, jpeg or h264, and a port or 0.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

folder, codec, port = sys.argv[1:]
Gst.init(None)
PAY = {
    "jpeg": "jpegdec ! videoconvert ! video/x-raw,format=I420 ! jpegenc quality=90 ! rtpjpegpay name=pay0 pt=26",
    "h264": "jpegdec ! videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency key-int-max=10 "
    "! rtph264pay name=pay0 pt=96 config-interval=1",
}
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( multifilesrc location={folder}/%05d.jpg start-index=0 loop=true caps=image/jpeg,framerate=25/1 "
    f"! identity sync=true ! {PAY[codec]} )"
)
factory.set_shared(True)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
server.get_mount_points().add_factory("/live", factory)
if not server.attach(None):
    sys.exit("cannot listen")
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
