"""The OpenAPI document as one page for people, without a script and with nothing from elsewhere."""

import base64
import hashlib
import json
import shlex
from collections.abc import Iterable
from html import escape
from pprint import pformat
from string import Template
from typing import Any

from everloop.inference.openapi.operation import KEY_HOLDERS, Document, Schema
from everloop.inference.openapi.requests import LARGEST_INTEGER

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a3f4a); --soft: light-dark(#f5f6f8, #1d2026);
  --faint: light-dark(#5b6472, #9aa3b2); --link: light-dark(#1750a0, #8ab4f8) }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 70rem;
  background: light-dark(#fff, #15171c); color: light-dark(#1b1f27, #e6e9ef);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.7rem; margin: 0 0 .3rem } h2 { font-size: 1.35rem; margin: 3rem 0 .3rem }
h3 { font-size: 1rem; margin: 1.8rem 0 .5rem }
a { color: var(--link) } nav a { margin-right: 1rem }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; margin: .3rem 0;
  white-space: pre-wrap; user-select: all }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .92rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line) }
th, .faint { color: var(--faint); font-weight: 500 }
td:first-child { white-space: nowrap } td:last-child { min-width: 12rem }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0 .3rem }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<h1>$title</h1>
<p>$description <span class="faint">Version $version.</span></p>
<nav>$links</nav>
<p>Requests carry an API key in the header <code>x-api-key</code>; those of operators are signed instead. In the
examples, <code>URL</code> is the address of this page without <code>/docs</code>, and <code>KEY</code> the key;
<code>everloop status</code> prints the one, <code>everloop status --key</code> the other. The same for programs is
<a href="openapi.json">openapi.json</a> (OpenAPI $openapi).</p>
</header>
<main>
$models
<h2 id="routes">Routes</h2>
<div class="wide"><table>
<thead><tr><th>route</th><th>what it does</th><th>for</th></tr></thead>
<tbody>
$routes
</tbody></table></div>
<h2 id="errors">Errors</h2>
<p>An error is a problem document (RFC 9457): <code>title</code>, <code>detail</code>, which says what was expected,
what came and what to do, and <code>errors</code>, which names the row and the column of each wrong value. The routes of
other protocols (<code>/v2</code>, <code>/invocations</code>) say the same in theirs.</p>
<div class="wide"><table>
<thead><tr><th>status</th><th>when</th></tr></thead>
<tbody>
$errors
</tbody></table></div>
</main>
</body>
</html>
""")

_MODEL = Template("""<section>
<h2 id="$anchor">$name</h2>
<p>$description</p>
<h3>A row</h3>
<p>1 to $most rows in a request. $hint</p>
<div class="wide"><table>
<thead><tr><th>column</th><th>type</th><th>null</th><th>values</th><th>meaning</th></tr></thead>
<tbody>
$columns
</tbody></table></div>
<h3>Ask</h3>
<pre>$curl</pre>
<details><summary>In Python</summary><pre>$python</pre></details>
<h3>The answer</h3>
<pre>$answer</pre>
<div class="wide"><table>
<thead><tr><th>of each row</th><th>type</th><th>values</th><th>meaning</th></tr></thead>
<tbody>
$fields
</tbody></table></div>
<details><summary>Tell what really happened</summary><pre>$outcome</pre></details>
</section>
""")

_PYTHON = Template("""import json
import os
import urllib.request

request = urllib.request.Request(
    os.environ["URL"] + $path,
    json.dumps($body).encode(),
    {"content-type": "application/json", "x-api-key": os.environ["KEY"]},
)
with urllib.request.urlopen(request) as response:
    print(json.load(response))
""")

_TYPES = {"date-time": "timestamp"}


def docs_page(document: Document) -> str:
    """HTML; nothing in it but what stands in the document of `openapi`."""
    models = [tag for tag in document["tags"] if f"{tag['name']}.Row" in document["components"]["schemas"]]
    links = [(_anchor(tag["name"]), tag["name"]) for tag in models] + [("routes", "Routes"), ("errors", "Errors")]
    info = document["info"]
    return _PAGE.substitute(
        policy=escape(CONTENT_SECURITY_POLICY),
        style=_STYLE,
        title=escape(info["title"]),
        description=escape(info["description"]),
        version=escape(info["version"]),
        openapi=escape(document["openapi"]),
        links="\n".join(f'<a href="#{escape(anchor)}">{escape(text)}</a>' for anchor, text in links),
        models="\n".join(_model(tag, document) for tag in models),
        routes=_rows(_routes(document)),
        errors=_rows(
            [_code(status), escape(response["description"])]
            for status, response in document["components"]["responses"].items()
        ),
    )


def _model(tag: Document, document: Document) -> str:
    name = tag["name"]
    schemas = document["components"]["schemas"]
    predictions, outcomes = f"/models/{name}/predictions", f"/models/{name}/outcomes"
    asking = document["paths"][predictions]["post"]
    answer = asking["responses"]["200"]["content"]
    row = schemas[f"{name}.Row"]
    ignored = [column for column, schema in row["properties"].items() if "examples" not in schema]
    return _MODEL.substitute(
        anchor=escape(_anchor(name)),
        name=escape(name),
        description=escape(tag["description"]),
        most=f"{schemas[f'{name}.Rows']['properties']['rows']['maxItems']:,}",
        hint=escape(row["description"]) + (f" Ignored: {', '.join(map(_code, ignored))}." if ignored else ""),
        columns=_rows(
            [_code(column), _type(schema), _nullable(schema), _values(schema), escape(schema.get("description", ""))]
            for column, schema in row["properties"].items()
            if column not in ignored
        ),
        curl=escape(_curl(predictions, _example(asking["requestBody"]["content"]))),
        python=escape(_python(predictions, _example(asking["requestBody"]["content"]))),
        answer=escape(json.dumps(_example(answer), indent=2, ensure_ascii=False)),
        fields=_rows(
            [_code(field), _type(schema), _values(schema), escape(schema.get("description", ""))]
            for field, schema in schemas[f"{name}.Prediction"]["properties"].items()
        ),
        outcome=escape(_curl(outcomes, _example(document["paths"][outcomes]["post"]["requestBody"]["content"]))),
    )


def _routes(document: Document) -> Iterable[list[str]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            holder = any(KEY_HOLDERS in each for each in operation["security"])
            who = "key holders" if holder else "operators"
            yield [f"{_code(method.upper())} {_code(path)}", escape(operation["summary"]), who]


def _curl(path: str, body: Any) -> str:
    text = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f'curl "$URL{path}" \\\n  -H "x-api-key: $KEY" -H "content-type: application/json" \\\n  -d {text}'


def _python(path: str, body: Any) -> str:
    return _PYTHON.substitute(path=json.dumps(path), body=pformat(body, width=100, sort_dicts=False))


def _example(content: Document) -> Any:
    return content["application/json"]["examples"]["one"]["value"]


def _type(schema: Schema) -> str:
    own = _own(schema)
    if "items" in own:
        return f"list of {_type(own['items'])}"
    if "format" in own and own["format"] in _TYPES:
        return _TYPES[own["format"]]
    kinds = own.get("type", [])
    named = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    return " or ".join("text" if kind == "string" else kind for kind in named)


def _nullable(schema: Schema) -> str:
    return "yes" if "null" in _own(schema)["type"] else "no"


def _values(schema: Schema) -> str:
    own = _own(schema)
    if "enum" in own:
        return ", ".join(_code(level) for level in own["enum"] if level not in (None, ""))
    low, high = own.get("minimum"), own.get("maximum")
    low, high = (None if bound in (LARGEST_INTEGER, -LARGEST_INTEGER) else bound for bound in (low, high))
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    return f"from {low:,}" if low is not None else f"up to {high:,}" if high is not None else ""


def _own(schema: Schema) -> Schema:
    """Without the other spellings of null."""
    own: Schema = schema["anyOf"][0] if "anyOf" in schema else schema
    return own


def _rows(rows: Iterable[list[str]]) -> str:
    return "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)


def _code(text: Any) -> str:
    return f"<code>{escape(str(text))}</code>"


def _anchor(model: str) -> str:
    return f"model-{model}"
