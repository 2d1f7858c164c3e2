<?php

declare(strict_types=1);

namespace Allotment\Configuration;

use Allotment\Allocation\ConfigError;
use Allotment\Allocation\Experiment;
use Allotment\Allocation\ExperimentReader;
use Allotment\Json;

/**
 * What the registry's answers mean: text in, typed configuration out. Pure.
 *
 * One bad item costs only itself: it is left out and named in `problems`.
 */
final class DocumentReader
{
    /**
     * Reads one answer.
     *
     * @throws UnusableAnswer it is no JSON of the expected form, or lists items of which none is good
     */
    public static function read(Document $kind, string $text): Parsed
    {
        try {
            $found = Json::decode($text);
        } catch (\JsonException $error) {
            throw new UnusableAnswer("$kind->value: the answer is no JSON: {$error->getMessage()}", 0, $error);
        }
        $parsed = $kind === Document::Streams ? self::streams($found) : self::items($kind, $found);
        if ($parsed->listed > 0 && $parsed->items === []) {
            throw new UnusableAnswer("$kind->value: no item is usable; the first: {$parsed->problems[0]}");
        }
        return $parsed;
    }

    /**
     * An answer, and from the one held before the items that a fault keeps out of it.
     *
     * @param string $text the new answer
     * @param string $held the one before; both as they came
     * @param list<string>|null $names what the registry says it had to leave out; null: more than it
     *   could name
     */
    public static function withKept(Document $kind, string $text, string $held, ?array $names): string
    {
        try {
            $new = Json::decode($text);
            $old = Json::decode($held);
            if ($kind === Document::Streams) {
                $there = (array) ($new->streams ?? []);
                $kept = array_filter(
                    (array) ($old->streams ?? []),
                    static fn ($name): bool => !array_key_exists($name, $there)
                        && ($names === null || in_array((string) $name, $names, true)),
                    ARRAY_FILTER_USE_KEY
                );
                return $kept === [] ? $text : Json::encode(['streams' => (object) ($there + $kept)]);
            }
            if (!is_array($new) || !is_array($old)) {
                return $text;
            }
            $name = static fn (mixed $item): mixed => $item instanceof \stdClass ? $item->name ?? null : null;
            $there = array_map($name, $new);
            $kept = array_filter($old, static fn (mixed $item): bool => $item instanceof \stdClass
                && !in_array($name($item), $there, true)
                && ($names === null || in_array($name($item), $names, true)));
            return $kept === [] ? $text : Json::encode([...$new, ...array_values($kept)]);
        } catch (\JsonException | \TypeError) {
            return $text;
        }
    }

    /**
     * Reads one instrument in the public API's shape.
     *
     * @throws ConfigError a field is missing or has a value that cannot be used
     */
    public static function instrument(mixed $found): Instrument
    {
        $item = Json::map($found);
        if ($item === null) {
            throw new ConfigError('an instrument is ' . Json::show($found) . '; it must be a JSON object');
        }
        $name = $item['name'] ?? null;
        if (!is_string($name) || $name === '') {
            throw new ConfigError(
                "an instrument's 'name' is " . Json::show($name) . '; give a text that is not empty'
            );
        }
        $stream = $item['stream_name'] ?? null;
        if (!is_string($stream) || $stream === '') {
            throw new ConfigError("$name: 'stream_name' is " . Json::show($stream) . '; give the name of a stream');
        }
        $title = trim(self::text($name, $item, 'schema_title', ''), '/');
        return new Instrument(
            name: $name,
            streamName: $stream,
            schemaTitle: $title,
            schemaId: self::text($name, $item, 'schema_id', StreamSettings::schemaOfTitle($title)),
            sampleUnit: self::text($name, $item, 'sample_unit', 'session'),
            sampleRate: ExperimentReader::sampleRate($name, $item['sample_rate'] ?? null),
            contextualAttributes: ExperimentReader::texts(
                $name,
                'contextual_attributes',
                $item['contextual_attributes'] ?? null
            ),
            start: ExperimentReader::time($name, 'start', $item['start'] ?? null),
            end: ExperimentReader::time($name, 'end', $item['end'] ?? null),
        );
    }

    private static function items(Document $kind, mixed $found): Parsed
    {
        if (!is_array($found) || !array_is_list($found)) {
            throw new UnusableAnswer("$kind->value: the answer is no JSON list");
        }
        $items = [];
        $problems = [];
        foreach ($found as $item) {
            try {
                $good = $kind === Document::Experiments ? ExperimentReader::read($item) : self::instrument($item);
                $items[$good->name] = $good;
            } catch (\Throwable $error) {
                $problems[] = "$kind->value: {$error->getMessage()}";
            }
        }
        return new Parsed($items, $problems, count($found));
    }

    private static function streams(mixed $found): Parsed
    {
        $listed = $found instanceof \stdClass ? Json::map($found->streams ?? null) : null;
        if ($listed === null) {
            throw new UnusableAnswer("streams: the answer has no 'streams' object");
        }
        $good = array_filter($listed, static fn (mixed $stream): bool => $stream instanceof \stdClass);
        $problems = [];
        foreach (array_diff_key($listed, $good) as $name => $_) {
            $problems[] = "streams: '$name' is no JSON object";
        }
        return new Parsed($good, $problems, count($listed));
    }

    /** @param array<array-key, mixed> $item */
    private static function text(string $name, array $item, string $field, string $default): string
    {
        $found = $item[$field] ?? '';
        if (!is_string($found)) {
            throw new ConfigError("$name: '$field' is " . Json::show($found) . '; give a text');
        }
        return $found === '' ? $default : $found;
    }
}
