"""Read whole pages for a batch: all digits, or the fields of a form. Other jobs do not import it."""

from collections import Counter
from collections.abc import Callable

from edge_runtime.batch.annotated import AnnotatedPages
from edge_runtime.batch.file_pages import NO_MEMORY, FileFields, PageFields, describe_error, failed_row, pack, pages_of
from edge_runtime.decide import Reason
from edge_runtime.errors import InputError
from edge_runtime.find.blobs import UNREAD
from edge_runtime.forms.reading import FormReader
from edge_runtime.forms.records import summarise
from edge_runtime.images.part import Part
from edge_runtime.pipeline import Reader
from edge_runtime.types import Digit, Gray, Status


def read_pages(
    reader: Reader,
    paths: list[str],
    root: str,
    tick: Callable[[], None] = lambda: None,
    part: Part | None = None,
    digits_only: bool = False,
    form: FormReader | None = None,
    annotated: AnnotatedPages | None = None,
) -> list[FileFields]:
    """Read all digits of each page of files; the label is the text of the page, its rows joined by a space.

    part, digits_only: see WorkerSettings. The confidence is the lowest of all digits. A page with a rejected digit is
    rejected, with the reason of the first one. A page without digits is rejected with the most frequent reason of its
    dropped marks, or as blank. Returns the fields of each file's rows.

    form: reads the fields of a form instead. The label is their texts, joined by a space, the confidence the lowest
    trust, and the reason that of the first rejected field, after its name. annotated: takes each page.
    """
    results = []
    for path in paths:
        found: list[PageFields] = []
        tick()
        for gray, page, text in pages_of(path, root, part):
            if gray is not None and form:
                found.append(_read_form(form, gray, page, text))
                if annotated and (fields := found[-1][7]):
                    found[-1] = _with_note(found[-1], annotated.write_fields(path, page, gray, fields))
            elif gray is not None:
                fields_of_page, digits = _read_page(reader, gray, page, text, digits_only)
                found.append(fields_of_page)
                if annotated:
                    found[-1] = _with_note(found[-1], annotated.write_digits(path, page, gray, digits))
            else:
                found.append((*failed_row(text), page, "", (), None))
            del gray  # frees the memory before the next page is decoded
            tick()
        results.append(pack(found))
    return results


def _with_note(fields: PageFields, note: str) -> PageFields:
    return (*fields[:6], "; ".join(filter(None, (fields[6], note))), *fields[7:]) if note else fields


def _read_page(
    reader: Reader, gray: Gray, number: int, note: str, digits_only: bool
) -> tuple[PageFields, tuple[Digit, ...]]:
    try:
        page = reader.read(gray, "page")
    except MemoryError:
        return (*failed_row(NO_MEMORY), number, "", (), None), ()
    reasons = [digit.reason for digit in page.digits if digit.status is Status.REJECTED]
    dropped = Counter(each.reason for each in page.dropped)
    if not page.digits:
        reasons = [reason for reason, _ in dropped.most_common(1)] or [Reason.BLANK.value]
    elif unread := sum(dropped[reason] for reason in UNREAD):
        note = "; ".join(filter(None, (note, f"not everything was read: {unread:,} marks were dropped")))
    label = " ".join((page.digits_text if digits_only else page.text).split("\n"))
    least = min((digit.confidence for digit in page.digits), default=None) if label else None
    if not reasons and page.status is Status.REJECTED:
        reasons = [Reason.LOW_CONFIDENCE.value]
    status = Status.REJECTED if reasons else Status.OK
    reason = reasons[0] if reasons else ""
    return (label, least, status, reason, (), number, note, (), None), page.digits


def _read_form(form: FormReader, gray: Gray, number: int, note: str) -> PageFields:
    try:
        sheet = form.read(gray)
    except (InputError, MemoryError) as error:
        return *failed_row(describe_error(error)), number, "", (), None
    label, status, reason = summarise([(field.name, field.text, field.reason) for field in sheet.fields])
    least = min(field.trust for field in sheet.fields)
    return label, least, status, reason, (), number, note, tuple(sheet.fields), sheet.alignment
