"""Tools for developers; none of them is installed.

`arm64/`: the wheel on an emulated Raspberry Pi. `installer/`: installers for devices. `samples.py`: the sample images.
`reference/`: the generated pages of the documentation. `language.py`: the check of wording. `page_picture.py`: the
README's image.
"""
