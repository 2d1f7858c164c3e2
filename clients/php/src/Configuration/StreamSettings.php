<?php

declare(strict_types=1);

namespace Allotment\Configuration;

use Allotment\Allocation\ExperimentReader;
use Allotment\Json;

/** What a stream's configuration says to a client library. */
final class StreamSettings
{
    public const WEB_SCHEMA = '/analytics/product_metrics/web/base/1.3.0';
    private const WEB_TITLE = 'analytics/product_metrics/web/base';
    /** The schema that events of a title follow when its configuration names no version. */
    private const DEFAULT_SCHEMAS = [
        self::WEB_TITLE => self::WEB_SCHEMA,
        'analytics/product_metrics/app/base' => '/analytics/product_metrics/app/base/1.3.0',
    ];

    /** The schema of a title's events where nothing else names one. */
    public static function schemaOfTitle(string $title): string
    {
        return self::DEFAULT_SCHEMAS[$title] ?? "/$title/latest";
    }

    /** The schema of a stream's events where nothing else names one. */
    public static function defaultSchema(\stdClass $stream): string
    {
        $title = $stream->schema_title ?? '';
        return self::schemaOfTitle(trim(is_string($title) && $title !== '' ? $title : self::WEB_TITLE, '/'));
    }

    /** The stream that events of this one go to: its own name, unless it is an instrument's. */
    public static function target(\stdClass $stream, string $name): string
    {
        $target = self::producer($stream)['stream_name'] ?? '';
        return is_string($target) && $target !== '' ? $target : $name;
    }

    /**
     * Names of the contextual attributes that a stream asks for.
     *
     * @return list<string>
     */
    public static function requestedAttributes(\stdClass $stream): array
    {
        $values = self::producer($stream)['provide_values'] ?? null;
        return is_array($values) ? array_values(array_filter($values, 'is_string')) : [];
    }

    /**
     * Unit and rate of a stream's sample, the rate as a number, or null where it is no rate. Null: the
     * stream has no sample, everything is in.
     *
     * @return array{unit: mixed, rate: ?float}|null
     */
    public static function sample(\stdClass $stream): ?array
    {
        $found = $stream->sample ?? null;
        $members = Json::map($found) ?? [];
        return $found === null
            ? null
            : ['unit' => $members['unit'] ?? null, 'rate' => ExperimentReader::rate($members['rate'] ?? null)];
    }

    /** Whether a stream is meant for client libraries: whether it has settings for them. */
    public static function isMetrics(\stdClass $stream): bool
    {
        return self::settings($stream) !== null;
    }

    /** @return array<array-key, mixed> */
    private static function producer(\stdClass $stream): array
    {
        return self::settings($stream) ?? [];
    }

    /** @return array<array-key, mixed>|null */
    private static function settings(\stdClass $stream): ?array
    {
        $producers = Json::map($stream->producers ?? null) ?? [];
        return Json::map($producers['metrics_platform_client'] ?? null);
    }
}
