"""Which files are translations of each other, by how they are called."""

from __future__ import annotations

import re
from collections.abc import Collection

from sonde.data.parts import part_of

_ISO_639_1 = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de
dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id
ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu
lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu
rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr
ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_CODES = frozenset(_ISO_639_1.split())
"""A region may stand behind one, as in `zh-CN`."""

_BESIDE = re.compile(r"(readme|licen[cs]e|copying|notice)\b.*", re.IGNORECASE)
"""Files that say something about the texts."""
_NAME = re.compile(
    r"(?P<stem>.+?)\.(?P<language>(?P<code>[a-z]{2})(?:[-_]\w{2,4})?)(?:\.gz)?", re.A
)


def by_language(names: Collection[str]) -> dict[str, dict[str, str]]:
    """`train.en`, `train.de.gz`, `val.en`, ...: what stands before the language says the part.

    Returns:
        'train', 'valid', 'test', as far as there are such -> language -> name; files of one stem
        alone are 'train'. Nothing where a name is not of that form, parts have other languages, or
        what is which part is not sure.
    """
    found = [_NAME.fullmatch(name) for name in names if not _BESIDE.fullmatch(name)]
    files: dict[str, dict[str, str]] = {}
    for match in found:
        if match is None or match["code"] not in _CODES:
            return {}
        files.setdefault(match["stem"], {})[match["language"]] = match.string
    parts = {_part(stem) if len(files) > 1 else "train": held for stem, held in files.items()}
    if len(parts) < len(files) or "train" not in parts or "" in parts:
        return {}
    languages = {frozenset(held) for held in parts.values()}
    if len(languages) > 1 or len(parts["train"]) < 2:
        return {}
    order = [part for part in ("train", "valid", "test") if part in parts]
    return {part: dict(sorted(parts[part].items())) for part in order}


def _part(stem: str) -> str:
    return part_of(re.split(r"[-_.]", stem)[0]) or ""
