"""An HTTP endpoint: flask --app examples/web_endpoint.py run

curl -F image=@examples/page.jpg localhost:5000/read
"""

from flask import Flask, request
from flask.typing import ResponseReturnValue

from edge_runtime import Classifier, EdgeDigitsError, Reader

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 8 * 1024 * 1024
reader = Reader(Classifier("ann-small"))  # opened once; threads may share it


@app.post("/read")
def read() -> ResponseReturnValue:
    """Read the page in the form's field `image`."""
    if "image" not in request.files:
        return {"error": "send an image in the field 'image'"}, 400
    try:
        page = reader.read(request.files["image"].stream, "page")
    except EdgeDigitsError as error:  # the upload is no image, or over a limit
        return {"error": str(error)}, 422
    return page.to_dict()
