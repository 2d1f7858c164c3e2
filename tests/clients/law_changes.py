"""Every constant, comparison and order of the law, and how it would read with one mistake.

Each change is made in a copy of one language's sources, by text that occurs there exactly once;
`tests/clients/mutants.py` demands that the vectors then fail.
"""

# ruff: noqa: E501 - a change is one line, so that they can be compared

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One mistake: what it is about, and in which file which text becomes which."""

    what: str
    file: str
    before: str
    after: str


_LAW, _EXPERIMENT, _READING = "law.py", "experiment.py", "reading.py"
PYTHON = [
    Change("hash: SHA-256", _LAW, "import sha256", "import sha3_256 as sha256"),
    Change("hash: order of its parts", _LAW, "_utf8(subject) + _utf8(experiment)", "_utf8(experiment) + _utf8(subject)"),
    Change("hash: nothing between", _LAW, "(subject) + _utf8(e", '(subject) + b":" + _utf8(e'),
    Change("hash: UTF-8", _LAW, "return text.encode()\n    except", 'return text.encode("utf-8-sig")\n    except'),
    Change("hash: lower-case digits", _LAW, ".hexdigest()", ".hexdigest().upper()"),
    Change("draw: 24 bits", _LAW, "product = int(digest[:6]", "product = int(digest[:8]"),
    Change("draw: first bits", _LAW, "product = int(digest[:6]", "product = int(digest[-6:]"),
    Change("draw: byte order", _LAW, "int(digest[:6], 16) *", "int.from_bytes(bytes.fromhex(digest[:6]), 'little') *"),
    Change("draw: 2^24", _LAW, "HASH_BITS = 24", "HASH_BITS = 23"),
    Change("draw: slot", _LAW, "product >> HASH_BITS", "product >> (HASH_BITS + 1)"),
    Change("draw: remainder", _LAW, "product & (HASH_SPAN - 1)", "product & (HASH_SPAN - 2)"),
    Change("rate: ceil", _LAW, "math.ceil(rate", "math.floor(rate"),
    Change("rate: below", _EXPERIMENT, "drawn.remainder >= law", "drawn.remainder > law"),
    Change("rate: the lowest", _READING, "= min(rate", "= max(rate"),
    Change("rate: of the site", _EXPERIMENT, "self.sites.get(site, self.default)", "self.default"),
    Change("group: cumulative weight", _LAW, "cumulative += weight", "cumulative = weight"),
    Change("group: exceeds", _LAW, "cumulative > slot", "cumulative >= slot"),
    Change("group: weight 1", _READING, "(1,) * count", "(2, *(1,) * (count - 1))"),
    Change("layer: prefix", _LAW, 'f"layer:{layer}"', 'f"layer-{layer}"'),
    Change("layer and holdout: 24 bits", _LAW, "hashed)[:6]", "hashed)[:5]"),
    Change("layer: first slot", _EXPERIMENT, "not layer.begin <= law", "not layer.begin < law"),
    Change("layer: last slot", _EXPERIMENT, "< layer.end", "<= layer.end"),
    Change("holdout: its name", _LAW, "_slot(subject, holdout)", '_slot(subject, f"layer:{holdout}")'),
    Change("holdout: first slot", _EXPERIMENT, "if kept.begin <= law", "if kept.begin < law"),
    Change("holdout: last slot", _EXPERIMENT, "< kept.end", "<= kept.end"),
    Change("dates: start included", _EXPERIMENT, "self.start <= now", "self.start < now"),
    Change("dates: end included", _EXPERIMENT, "now <= self.end", "now < self.end"),
    Change("dates: milliseconds", _READING, "// 1000 * 1000", "// 10000 * 10000"),
    Change("forced: subject id", _EXPERIMENT, '"overridden", forced', '"forced", forced'),
    Change("order: targeting first", _EXPERIMENT, "if not meets(experiment.targeting, attributes or {}):", "if not experiment.holdouts and not meets(experiment.targeting, attributes or {}):"),
    Change("sampling: 32 bits", _LAW, "UNIT_DIGITS = 8", "UNIT_DIGITS = 7"),
    Change("sampling: 2^32 - 1", _LAW, "0xFFFFFFFF", "0x100000000"),
    Change("sampling: below", _LAW, "0xFFFFFFFF < rate", "0xFFFFFFFF <= rate"),
    Change("sampling: either case", _LAW, "abcdefABCDEF", "abcdef"),
    Change("sampling: rate 1", _LAW, "return rate == 1.0", "return False"),
    Change("keyed id: separator", _LAW, 'b":" + _utf8(subject)', 'b"." + _utf8(subject)'),
    Change("keyed id: order", _LAW, '_utf8(experiment) + b":" + _utf8(subject)', '_utf8(subject) + b":" + _utf8(experiment)'),
    Change("keyed id: SHA-256", _LAW, ', "sha256")', ', "sha512_256")'),
    Change("overrides: items", "overrides.py", 'split(";")', 'split(",")'),
    Change("overrides: first colon", "overrides.py", "item.partition", "item.rpartition"),
    Change("overrides: the last counts", "overrides.py", "forced[name] = group", "forced.setdefault(name, group)"),
    Change("overrides: spaces only", "overrides.py", 'name.strip(" ")', "name.strip()"),
    Change("targeting: no conversion", "targeting.py", "return type(value) is type(operand) and value == operand", "return value == operand"),
    Change("targeting: null meets none", "targeting.py", "if value is None:\n        return False", "if value is None:\n        return condition.operator == 'not_equals'"),
    Change("targeting: all hold", "targeting.py", "return all(_holds", "return any(_holds"),
]  # fmt: skip

_LAW, _EXPERIMENT, _TARGETING = "law.ts", "evaluation.ts", "targeting.ts"
JAVASCRIPT = [
    Change("hash: SHA-256", "sha256.ts", "Math.cbrt(prime)", "Math.sqrt(prime)"),
    Change("hash: 64 rounds", "sha256.ts", "i < 64; i++) {\n    if", "i < 63; i++) {\n    if"),
    Change("hash: byte order", "sha256.ts", "let by = 24; by >= 0; by -= 8", "let by = 0; by <= 24; by += 8"),
    Change("hash: order of its parts", _LAW, "digest(subject, name)", "digest(name, subject)"),
    Change("hash: nothing between", _LAW, "digest(subject, name)", "digest(`${subject}:`, name)"),
    Change("draw: 24 bits", _LAW, ">>> 8", ">>> 9"),
    Change("draw: first bits", _LAW, "drawn[0]", "drawn[7]"),
    Change("hash: halves of characters", _LAW, "isHalf ? ", "false ? "),
    Change("draw: 2^24", _LAW, "const SPAN = 2 ** 24", "const SPAN = 2 ** 23"),
    Change("draw: slot", _LAW, "Math.floor(product / SPAN)", "Math.round(product / SPAN)"),
    Change("draw: remainder", _LAW, "product % SPAN", "product % (SPAN - 1)"),
    Change("rate: ceil", _LAW, "Math.ceil(rate", "Math.floor(rate"),
    Change("rate: below", _LAW, "SPAN < Math", "SPAN <= Math"),
    Change("rate: the lowest", _EXPERIMENT, "Math.min(", "Math.max("),
    Change("group: cumulative weight", _LAW, "cumulative += weight", "cumulative = weight"),
    Change("group: exceeds", _LAW, "weight) > slot", "weight) >= slot"),
    Change("group: weight 1", _LAW, "groups.map(() => 1)", "groups.map((_, i) => (i ? 1 : 2))"),
    Change("layer: prefix", _EXPERIMENT, "`layer:", "`layer-"),
    Change("layer and holdout: first slot", _EXPERIMENT, "begin <= drawn.slot", "begin < drawn.slot"),
    Change("layer and holdout: last slot", _EXPERIMENT, "slot < end", "slot <= end"),
    Change("layer and holdout: of each subject", _EXPERIMENT, "drawn.subject !== subject", "drawn.subject === null"),
    Change("dates: start included", _EXPERIMENT, "at < reading.from", "at <= reading.from"),
    Change("dates: end included", _EXPERIMENT, "at > reading.to", "at >= reading.to"),
    Change("dates: milliseconds", _EXPERIMENT, "{1,3})", "{1,2})"),
    Change("dates: UTC", _EXPERIMENT, 'zone = "Z"', 'zone = "+01:00"'),
    Change("forced: subject id", _EXPERIMENT, 'subjectId: "overridden"', 'subjectId: "forced"'),
    Change("sampling: 32 bits", _LAW, "unitId.slice(0, 8)", "unitId.slice(0, 9)"),
    Change("sampling: 2^32 - 1", _LAW, "0xffffffff", "0x100000000"),
    Change("sampling: below", _LAW, "0xffffffff < rate", "0xffffffff <= rate"),
    Change("sampling: either case", _LAW, "[0-9a-fA-F]{8}", "[0-9a-f]{8}"),
    Change("sampling: rate 1", _LAW, "return rate === 1", "return false"),
    Change("overrides: items", _LAW, 'text.split(";")', 'text.split(",")'),
    Change("overrides: first colon", _LAW, "([^:]*?) *:([^]*)$", "([^]*?) *:([^:]*)$"),
    Change("overrides: spaces only", _LAW, "replace(/^ +| +$/g", "replace(/^\\s+|\\s+$/g"),
    Change("targeting: no conversion", _TARGETING, "value === operand", "String(value) === String(operand)"),
    Change("targeting: null meets none", _TARGETING, "value !== null && value !== undefined &&", "value !== undefined &&"),
    Change("edge: length of a name", "enrollments.ts", "{7,62}", "{6,62}"),
    Change("edge: length of a group", "enrollments.ts", "{0,62}", "{0,63}"),
    Change("edge: length of an id", "enrollments.ts", "{1,128}", "{1,127}"),
    Change("edge: items", "enrollments.ts", 'split(";")', 'split(",")'),
    Change("exposures: five minutes", "exposure.ts", "5 * 60_000", "5 * 60_001"),
    Change("exposures: a day", "exposure.ts", "24 * 3_600_000", "24 * 3_600_001"),
    Change("exposures: the first ten", "exposure.ts", "OFTEN = 10", "OFTEN = 11"),
    Change("exposures: before the reset", "exposure.ts", "at < resetAt", "at <= resetAt"),
]  # fmt: skip

_LAW, _EXPERIMENT, _TARGETING = "Law.php", "Experiment.php", "Targeting.php"
PHP = [
    Change("hash: SHA-256", _LAW, "hash('sha256'", "hash('sha512/256'"),
    Change("hash: order of its parts", _LAW, "$subject . $experiment", "$experiment . $subject"),
    Change("hash: nothing between", _LAW, "$subject . $experiment", "$subject . ':' . $experiment"),
    Change("draw: 24 bits", _LAW, "HASH_DIGITS = 6", "HASH_DIGITS = 5"),
    Change("draw: first bits", _LAW, "substr($hash, 0, self::HASH_DIGITS)", "substr($hash, -self::HASH_DIGITS)"),
    Change("draw: byte order", _LAW, "hexdec(substr($hash, 0, self::HASH_DIGITS))", "hexdec(bin2hex(strrev(hex2bin(substr($hash, 0, 6)))))"),
    Change("draw: slot", _LAW, "HASH_BITS = 24", "HASH_BITS = 23"),
    Change("draw: 2^24", _LAW, "HASH_SPAN = 1 << 24", "HASH_SPAN = 1 << 25"),
    Change("rate: ceil", _LAW, "ceil($rate", "floor($rate"),
    Change("rate: below", _EXPERIMENT, ">= Law::threshold", "> Law::threshold"),
    Change("rate: the lowest", "ExperimentReader.php", "= min($rate", "= max($rate"),
    Change("rate: of the site", "SampleRate.php", "$this->sites[$site] ?? ", ""),
    Change("rate: the whole text", "ExperimentReader.php", "$/D'", "$/'"),
    Change("group: cumulative weight", _LAW, "$cumulative += $weight", "$cumulative = $weight"),
    Change("group: exceeds", _LAW, "$cumulative > $slot", "$cumulative >= $slot"),
    Change("group: weight 1", "ExperimentReader.php", "array_fill(0, max(1, $count), 1)", "[2, ...array_fill(0, $count - 1, 1)]"),
    Change("layer: prefix", _LAW, "'layer:'", "'layer.'"),
    Change("layer: first slot", _EXPERIMENT, "$this->layer->begin <= $slot", "$this->layer->begin < $slot"),
    Change("layer: last slot", _EXPERIMENT, "$slot < $this->layer->end", "$slot <= $this->layer->end"),
    Change("holdout: its name", _LAW, "self::subjectHash($subject, $holdout)", "self::subjectHash($subject, 'layer:' . $holdout)"),
    Change("holdout: first slot", _EXPERIMENT, "$kept->begin <= $slot", "$kept->begin < $slot"),
    Change("holdout: last slot", _EXPERIMENT, "$slot < $kept->end", "$slot <= $kept->end"),
    Change("dates: start included", _EXPERIMENT, "$this->start <= $now", "$this->start < $now"),
    Change("dates: end included", _EXPERIMENT, "$now <= $this->end", "$now < $this->end"),
    Change("dates: milliseconds", "IsoTime.php", "?? '', 0, 3), 3", "?? '', 0, 2), 3"),
    Change("forced: subject id", _EXPERIMENT, "= 'overridden'", "= 'forced'"),
    Change("sampling: 32 bits", _LAW, "substr($unitId, 0, 8)", "substr($unitId, 0, 7)"),
    Change("sampling: eight digits", _LAW, "{8}/", "{7}/"),
    Change("sampling: 2^32 - 1", _LAW, "0xFFFFFFFF", "0x100000000"),
    Change("sampling: below", _LAW, "0xFFFFFFFF < $rate", "0xFFFFFFFF <= $rate"),
    Change("sampling: either case", _LAW, "[0-9a-fA-F]{8}", "[0-9a-f]{8}"),
    Change("sampling: rate 1", _LAW, "return $rate === 1.0", "return false"),
    Change("keyed id: separator", _LAW, '"$experiment:$subject"', '"$experiment.$subject"'),
    Change("keyed id: order", _LAW, '"$experiment:$subject"', '"$subject:$experiment"'),
    Change("keyed id: SHA-256", _LAW, "hash_hmac('sha256'", "hash_hmac('sha512/256'"),
    Change("overrides: items", "Overrides.php", "explode(';', $text)", "explode(',', $text)"),
    Change("overrides: first colon", "Overrides.php", "explode(':', $item, 2)", "explode(':', $item)"),
    Change("overrides: spaces only", "Overrides.php", "trim($parts[0], ' ')", "trim($parts[0])"),
    Change("targeting: doubles", _TARGETING, "(float) $value : $value", "$value : $value"),
    Change("targeting: no conversion", _TARGETING, "$value === $operand", "$value == $operand"),
    Change("targeting: null meets none", _TARGETING, "$value === null || !self", "!self"),
    Change("edge: length of a name", "../EdgeEnrollments.php", "{7,62}", "{6,62}"),
    Change("edge: length of a group", "../EdgeEnrollments.php", "{0,62}", "{0,63}"),
    Change("edge: length of an id", "../EdgeEnrollments.php", "{1,128}", "{1,127}"),
    Change("edge: items", "../EdgeEnrollments.php", "explode(';'", "explode(','"),
]  # fmt: skip
