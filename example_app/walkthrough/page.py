"""An HTML page as a person meets it: text, links and forms. Only what is on it can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin


class NotOnPage(Exception):
    """The page does not have what a person was about to use."""


@dataclass
class Control:
    """One field or button of a form."""

    name: str
    kind: str
    value: str = ""
    checked: bool = False
    fixed: bool = False
    choices: list[str] = field(default_factory=list)


@dataclass
class Form:
    """One form with its fields, in the order of the page."""

    action: str
    method: str
    controls: list[Control] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether there is a field of that name."""
        return any(control.name == name for control in self.controls)

    def named(self, name: str) -> list[Control]:
        """Return the fields of that name; radio buttons and checkboxes share one."""
        found = [control for control in self.controls if control.name == name]
        if not found:
            known = ", ".join(sorted({control.name for control in self.controls}))
            raise NotOnPage(f"a field {name!r} in the form (it has: {known})")
        return found

    def filled(
        self, values: Mapping[str, str | bool], button: tuple[str, str] | None = None
    ) -> list[tuple[str, str]]:
        """Return what a browser would send after a person filled in *values*.

        :param button: name and value of the button that is pressed, if it has any.
        """
        for name, value in values.items():
            self._fill(self.named(name), name, value)
        sent = [
            (control.name, control.value)
            for control in self.controls
            if control.kind != "submit"
            and (control.kind not in ("radio", "checkbox") or control.checked)
        ]
        if button is not None:
            if not any((each.name, each.value) == button for each in self.named(button[0])):
                raise NotOnPage(f"a button {button[0]}={button[1]}")
            sent.append(button)
        return sent

    @staticmethod
    def _fill(controls: list[Control], name: str, value: str | bool) -> None:
        if all(control.fixed for control in controls):
            raise NotOnPage(f"a field {name!r} that can be changed (it is read-only)")
        if isinstance(value, bool):
            controls[0].checked = value
        elif controls[0].kind in ("radio", "checkbox"):
            if value not in [control.value for control in controls]:
                raise NotOnPage(f"a choice {value!r} for {name!r}")
            for control in controls:
                control.checked = control.value == value
        elif controls[0].choices and value not in controls[0].choices:
            raise NotOnPage(f"a choice {value!r} for {name!r}")
        else:
            controls[0].value = value


@dataclass
class Link:
    """Something that leads elsewhere."""

    url: str
    text: str


class Page(HTMLParser):
    """A page, read with the standard library's parser.

    :ivar refresh: where the page goes by itself, if it says so.
    """

    def __init__(self, html: str, url: str) -> None:
        super().__init__()
        self.url = url
        self.forms: list[Form] = []
        self.links: list[Link] = []
        self.refresh: str | None = None
        self.heading = ""
        self._text: list[str] = []
        self._form: Form | None = None
        self._select: Control | None = None
        self._open: list[str] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """Return all words on the page, in one line."""
        return " ".join(" ".join(self._text).split())

    def form(self, *fields: str, action: str | None = None) -> Form:
        """Return the first form that has these fields and an address that ends so."""
        for form in self.forms:
            if all(map(form.has, fields)) and (action is None or form.action.endswith(action)):
                return form
        wanted = f"a form with {', '.join(fields)}" if fields else "a form"
        raise NotOnPage(f"{wanted}{f' that leads to …{action}' if action else ''}")

    def link(self, text: str) -> str:
        """Return where the link with these words leads."""
        for link in self.links:
            if text in " ".join(link.text.split()):
                return link.url
        raise NotOnPage(f"a link {text!r}")

    # -- html.parser ----------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take up what is of use."""
        given = {name: value or "" for name, value in attrs}
        if tag in ("a", "h1", "script", "style", "textarea", "title"):
            self._open.append(tag)
        if tag == "a" and "href" in given:
            self.links.append(Link(urljoin(self.url, given["href"]), ""))
        elif tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            _, _, target = given.get("content", "").partition("url=")
            self.refresh = urljoin(self.url, target) if target else self.url
        elif tag == "form":
            action = urljoin(self.url, given.get("action", ""))
            self._form = Form(action, given.get("method", "get").upper())
            self.forms.append(self._form)
        elif self._form is not None:
            self._control(self._form, tag, given)

    def _control(self, form: Form, tag: str, given: dict[str, str]) -> None:
        if tag == "option" and self._select is not None:
            value = given.get("value", "")
            if "selected" in given or not self._select.choices:
                self._select.value = value
            self._select.choices.append(value)
            return
        if tag not in ("input", "select", "textarea", "button"):
            return
        if not given.get("name") or "disabled" in given:
            return
        usual = {"input": "text", "button": "submit"}.get(tag, tag)
        kind = given.get("type", usual) if tag in ("input", "button") else tag
        marked = kind in ("radio", "checkbox")
        control = Control(
            name=given["name"],
            kind=kind,
            value=given.get("value", "on" if marked else ""),
            checked="checked" in given,
            fixed="readonly" in given,
        )
        form.controls.append(control)
        if tag == "select":
            self._select = control

    def handle_endtag(self, tag: str) -> None:
        """Leave what was taken up."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Collect words."""
        if "script" in self._open or "style" in self._open:
            return
        if "textarea" in self._open and self._form is not None and self._form.controls:
            self._form.controls[-1].value += data
        if "a" in self._open and self.links:
            self.links[-1].text += data
        if "h1" in self._open:
            self.heading = f"{self.heading} {data}".strip()
        self._text.append(data)
