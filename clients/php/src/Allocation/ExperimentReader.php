<?php

declare(strict_types=1);

namespace Allotment\Allocation;

use Allotment\Json;

/**
 * Reads an experiment in the public API's shape, as `Json::decode` gives it.
 *
 * A JSON object is a `stdClass` or an array with keys, a JSON list an array without; so that `[]` is
 * a list, as it is in every other language.
 */
final class ExperimentReader
{
    private const MAX_GROUPS = 10;
    /** A rate as text: decimal digits only, so that every language reads the same number from it. */
    private const RATE_TEXT = '/^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/D';

    /**
     * Reads one experiment, with our optional `weights`, `layer`, `holdouts` and `targeting`.
     *
     * @throws ConfigError a field is missing or has a value that cannot be used
     */
    public static function read(mixed $found): Experiment
    {
        $item = Json::map($found);
        if ($item === null) {
            throw new ConfigError('an experiment is ' . Json::show($found) . '; it must be a JSON object');
        }
        $name = $item['name'] ?? null;
        if (!is_string($name) || $name === '') {
            throw new ConfigError(
                "an experiment's 'name' is " . Json::show($name) . '; give a text that is not empty'
            );
        }
        $groups = self::groups($name, $item['groups'] ?? null);
        $type = self::text($name, $item, 'user_identifier_type');
        return new Experiment(
            name: $name,
            groups: $groups,
            weights: self::weights($name, $item['weights'] ?? null, count($groups)),
            sampleRate: self::sampleRate($name, $item['sample_rate'] ?? null),
            identifierType: $type === '' ? IdentifierType::BROWSER : $type,
            start: self::time($name, 'start', $item['start'] ?? null),
            end: self::time($name, 'end', $item['end'] ?? null),
            streamName: self::text($name, $item, 'stream_name'),
            schemaId: self::text($name, $item, 'schema_id'),
            contextualAttributes: self::texts(
                $name,
                'contextual_attributes',
                $item['contextual_attributes'] ?? null
            ),
            version: self::version($name, $item['version'] ?? null),
            phaseIndex: self::phase($name, $item['phase_index'] ?? null),
            layer: self::layer($name, $item['layer'] ?? null),
            targeting: self::targeting($name, $item['targeting'] ?? null),
            holdouts: self::holdouts($name, $item['holdouts'] ?? null),
        );
    }

    /**
     * Reads `{"default": rate, "<rate>": [site, …], …}`; rates are numbers or their text.
     *
     * Missing means nobody. Of two rates for one site the lowest counts.
     *
     * @throws ConfigError a rate is no number from 0 to 1, or a list of sites is no list of texts
     */
    public static function sampleRate(string $name, mixed $found): SampleRate
    {
        if ($found === null) {
            return new SampleRate(0.0);
        }
        $rates = Json::map($found);
        if ($rates === null) {
            throw self::unusable($name, 'sample_rate', $found, 'it must be a JSON object');
        }
        $sites = [];
        foreach ($rates as $key => $listed) {
            // PHP makes whole numbers of the keys 0 and 1.
            if ((string) $key === 'default') {
                continue;
            }
            $rate = self::usableRate($name, (string) $key);
            foreach (self::texts($name, 'sample_rate', $listed) as $site) {
                $sites[$site] = min($rate, $sites[$site] ?? $rate);
            }
        }
        $default = array_key_exists('default', $rates) ? $rates['default'] : 0;
        return new SampleRate(self::usableRate($name, $default), $sites);
    }

    /**
     * A rate from a JSON number, or from its text in plain decimal digits; null if it is neither.
     *
     * Signs, blanks, underscores, hexadecimal digits, NaN and Infinity make no rate, nor does a
     * number outside 0 to 1.
     */
    public static function rate(mixed $found): ?float
    {
        if (is_string($found) && preg_match(self::RATE_TEXT, $found) === 1) {
            $found = (float) $found;
        }
        if (!is_int($found) && !is_float($found)) {
            return null;
        }
        return $found >= 0 && $found <= 1 ? (float) $found : null;
    }

    /**
     * Reads a time of RFC 3339, to the millisecond. Missing or empty: null.
     *
     * `2026-11-22T09:00:00Z`; without a zone it is UTC, without a clock midnight, without seconds the
     * full minute. What is finer than a millisecond is cut off.
     *
     * @throws ConfigError the text is no time
     */
    public static function time(string $name, string $field, mixed $found): ?\DateTimeImmutable
    {
        if ($found === null || $found === '') {
            return null;
        }
        $time = is_string($found) ? IsoTime::read($found) : null;
        if ($time === null) {
            throw self::unusable($name, $field, $found, 'give a time such as 2026-11-22T09:00:00Z');
        }
        return $time;
    }

    /**
     * A list of texts, none of them empty; null is an empty list.
     *
     * @return list<string>
     * @throws ConfigError it is something else
     */
    public static function texts(string $name, string $field, mixed $found): array
    {
        if ($found === null) {
            return [];
        }
        if (!is_array($found) || !array_is_list($found)) {
            throw self::unusable($name, $field, $found, 'it must be a list of texts');
        }
        foreach ($found as $text) {
            if (!is_string($text) || $text === '') {
                throw self::unusable($name, $field, $found, 'each entry must be a text');
            }
        }
        return $found;
    }

    private static function usableRate(string $name, mixed $found): float
    {
        return self::rate($found) ?? throw new ConfigError(
            "$name: a rate in 'sample_rate' is " . Json::show($found) . '; give a number from 0 to 1'
        );
    }

    /** @return non-empty-list<string> */
    private static function groups(string $name, mixed $found): array
    {
        $groups = self::texts($name, 'groups', $found);
        $count = count($groups);
        if ($groups === [] || $count > self::MAX_GROUPS) {
            throw self::unusable($name, 'groups', $found, "$count entries; give 1 to " . self::MAX_GROUPS);
        }
        if (count(array_unique($groups, SORT_STRING)) < $count) {
            throw self::unusable($name, 'groups', $found, 'a group is listed twice');
        }
        return $groups;
    }

    /** @return non-empty-list<int> */
    private static function weights(string $name, mixed $found, int $count): array
    {
        if ($found === null) {
            return array_fill(0, max(1, $count), 1);
        }
        if (!is_array($found) || !array_is_list($found) || count($found) !== $count) {
            throw self::unusable($name, 'weights', $found, 'give one whole number a group');
        }
        $weights = [];
        foreach ($found as $weight) {
            $weights[] = self::whole($weight)
                ?? throw self::unusable($name, 'weights', $found, 'give whole numbers, 0 or more');
        }
        $total = array_sum($weights);
        if ($weights === [] || $total < 1 || $total > Law::MAX_TOTAL_WEIGHT) {
            $must = 'their sum must be 1 to ' . Law::MAX_TOTAL_WEIGHT;
            throw self::unusable($name, 'weights', $found, "they add up to $total; $must");
        }
        return $weights;
    }

    private static function layer(string $name, mixed $found): ?LayerRange
    {
        if ($found === null) {
            return null;
        }
        return new LayerRange(...self::range($name, 'layer', $found));
    }

    /** @return list<HoldoutRange> */
    private static function holdouts(string $name, mixed $found): array
    {
        if ($found !== null && (!is_array($found) || !array_is_list($found))) {
            throw self::unusable($name, 'holdouts', $found, 'it must be a list of JSON objects');
        }
        $holdouts = [];
        foreach ($found ?? [] as $holdout) {
            $holdouts[] = new HoldoutRange(...self::range($name, 'holdouts', $holdout));
        }
        return $holdouts;
    }

    /** @return array{string, int, int} */
    private static function range(string $name, string $field, mixed $found): array
    {
        $item = Json::map($found);
        if ($item === null) {
            throw self::unusable($name, $field, $found, 'it must be a JSON object');
        }
        $named = self::text($name, $item, 'name');
        $begin = self::whole($item['begin'] ?? null);
        $end = self::whole($item['end'] ?? null);
        if ($named === '' || $begin === null || $end === null || $begin >= $end || $end > Law::HASH_SPAN) {
            $must = "give its 'name', and 'begin' below 'end', whole numbers from 0 to " . Law::HASH_SPAN;
            throw self::unusable($name, $field, $found, $must);
        }
        return [$named, $begin, $end];
    }

    /** @return list<Condition> */
    private static function targeting(string $name, mixed $found): array
    {
        try {
            return Targeting::read($found);
        } catch (ConfigError $error) {
            throw new ConfigError("$name: {$error->getMessage()}");
        }
    }

    private static function phase(string $name, mixed $found): int
    {
        return self::whole($found ?? 0)
            ?? throw self::unusable($name, 'phase_index', $found, 'give a whole number, 0 or more');
    }

    private static function version(string $name, mixed $found): string
    {
        // JSON has one kind of number: where 2.0 is read as a float it is still the whole number 2.
        if (is_float($found) && floor($found) === $found && abs($found) < (float) PHP_INT_MAX) {
            $found = (int) $found;
        }
        if ($found !== null && !is_string($found) && !is_int($found)) {
            throw self::unusable($name, 'version', $found, 'give a text or a whole number');
        }
        return (string) $found;
    }

    /** A whole number, 0 or more; one that no int can hold is as large as an int can be. */
    private static function whole(mixed $found): ?int
    {
        // JSON has one kind of number: where 2.0 is read as a float it is still the whole number 2.
        if (is_float($found) && is_finite($found) && floor($found) === $found) {
            $found = $found < (float) PHP_INT_MAX ? (int) $found : PHP_INT_MAX;
        }
        return is_int($found) && $found >= 0 ? $found : null;
    }

    /** @param array<array-key, mixed> $item */
    private static function text(string $name, array $item, string $field): string
    {
        $found = $item[$field] ?? '';
        return is_string($found) ? $found : throw self::unusable($name, $field, $found, 'give a text');
    }

    private static function unusable(string $name, string $field, mixed $found, string $must): ConfigError
    {
        return new ConfigError("$name: '$field' is " . Json::show($found) . "; $must");
    }
}
