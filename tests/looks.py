"""How a page looks: what axe has against it, what does not fit, and pictures of it."""

import io
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from PIL import Image

PICTURES = Path(__file__).parent.parent / "docs" / "img"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = 128
LARGEST = 120_000  # bytes of a picture
# Runtime.evaluate, which Playwright's evaluate is, is not subject to the page's CSP; a script element would be.
ASK = """async tags => (await axe.run(document, {runOnly: tags, resultTypes: ['violations']})).violations.flatMap(
  one => one.nodes.map(node => `${one.id}: ${node.target.join(' ')}: ${node.any.concat(node.all, node.none)
    .map(check => check.message).join('; ')}`))"""
OVERFLOWING = """() => {
  const room = document.scrollingElement.clientWidth
  if (document.scrollingElement.scrollWidth <= room) return []
  const out = [...document.body.querySelectorAll('*')].filter(one => {
    const box = one.getBoundingClientRect()
    return box.width && box.right > room + 0.5
  })
  return (out.length ? out : [document.body]).map(one => NAME(one))
}"""
# What is there for screen readers alone is cut down to a point: by .vh, or, in tables that restack, by the sheet.
CLIPPED = """() => [...document.body.querySelectorAll('*')].filter(one => {
  const style = getComputedStyle(one)
  for (let up = one; up; up = up.parentElement) {
    const {clip, clipPath} = getComputedStyle(up)
    if (up.matches('.vh, svg') || clip.startsWith('rect') || clipPath.startsWith('inset(50%')) return false
  }
  const hides = side => ['hidden', 'clip'].includes(style['overflow' + side])
  return one.clientWidth && one.textContent.trim() &&
    (hides('X') && one.scrollWidth > one.clientWidth + 1 || hides('Y') && one.scrollHeight > one.clientHeight + 1)
}).map(one => NAME(one))"""
NAME = """(one => one.tagName.toLowerCase() + [...one.classList].map(name => '.' + name).join('') + ' "' +
  one.textContent.trim().replace(/\\s+/g, ' ').slice(0, 40) + '"')"""


@cache
def axe() -> str:
    """Return the source of axe-core."""
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


def violations(page: Any) -> list[str]:
    """Return what axe has against the page: rule, element, why. WCAG 2.2 A and AA, and best practice."""
    page.evaluate(axe())
    found: list[str] = page.evaluate(ASK, TAGS)
    return found


def overflowing(page: Any) -> list[str]:
    """Return the elements because of which the page scrolls sideways."""
    found: list[str] = page.evaluate(OVERFLOWING.replace("NAME", NAME))
    return [f"overflows: {one}" for one in found]


def clipped(page: Any) -> list[str]:
    """Return the elements whose text is cut off. What is for screen readers alone (``.vh``) is no matter."""
    found: list[str] = page.evaluate(CLIPPED.replace("NAME", NAME))
    return [f"is clipped: {one}" for one in found]


def flaws(page: Any) -> list[str]:
    """Return all that is wrong with how the page looks."""
    return [*violations(page), *overflowing(page), *clipped(page)]


def shot(page: Any, name: str, *, dark: bool, folder: Path = PICTURES, whole: bool = False) -> Path:
    """Write ``<name>-<light|dark>-<width>.png``, of few colours; *whole* is all of the page, not the first screen."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{'dark' if dark else 'light'}-{page.viewport_size['width']}.png"
    with Image.open(io.BytesIO(page.screenshot(full_page=whole))) as seen:
        few = seen.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
    return path
