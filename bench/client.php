<?php

declare(strict_types=1);

// Times the PHP client; `clients.py` runs it and prints the figures. Processor time, in seconds.

use Allotment\Allocation\ExperimentReader;
use Allotment\Client;
use Allotment\Configuration\MemoryStore;
use Allotment\Json;

require __DIR__ . '/../clients/php/autoload.php';

const ROUNDS = 7;

/** The processor time of one call, of the quickest of some rounds. */
function seconds(int $calls, Closure $call): float
{
    $best = INF;
    for ($round = 0; $round < ROUNDS; $round++) {
        $before = getrusage();
        for ($number = 0; $number < $calls; $number++) {
            $call($number);
        }
        $after = getrusage();
        $used = 0.0;
        foreach (['ru_utime', 'ru_stime'] as $kind) {
            $used += $after["$kind.tv_sec"] - $before["$kind.tv_sec"];
            $used += ($after["$kind.tv_usec"] - $before["$kind.tv_usec"]) / 1e6;
        }
        $best = min($best, $used);
    }
    return $best / $calls;
}

$asked = Json::decode((string) stream_get_contents(STDIN));
$plain = ExperimentReader::read($asked->plain);
$rich = ExperimentReader::read($asked->rich);
$attributes = (array) $asked->attributes;
$now = new DateTimeImmutable();

$part = static fn (mixed $document): array => [
    'body' => Json::encode($document),
    'etag' => '',
    'version' => 1,
    'confirmed_at' => microtime(true),
];
$store = new MemoryStore();
$store->write(Json::encode(['format' => 1, 'site' => 'mywiki', 'faults' => (object) [], 'held' => [
    'experiments' => $part($asked->many),
    'instruments' => $part([]),
    'streams' => $part(['streams' => $asked->streams]),
]]));
$client = static fn (): Client => new Client(
    'http://127.0.0.1:9',
    'http://127.0.0.1:9/v1/events',
    'mywiki',
    $store,
    queueCapacity: PHP_INT_MAX,
    afterResponse: false,
);
$busy = $client();
$visitor = $busy->visitor(userId: '42', context: ['page' => ['id' => 7, 'title' => 'Leek']]);

echo Json::encode([
    'version' => PHP_VERSION,
    'hash' => seconds(50_000, static fn (int $n): string => hash('sha256', $n . $plain->name)),
    'plain' => seconds(50_000, static fn (int $n): object => $plain->allocate("$n", 'enwiki', $now)),
    'rich' => seconds(50_000, static fn (int $n): object => $rich->allocate("$n", 'enwiki', $now, [], $attributes)),
    'request' => seconds(20, static fn (int $n): object => $client()->visitor(browserId: "b$n")->membership()),
    'event' => seconds(2_000, static fn (): bool => $visitor->submitInteraction('web', '/web/1.0.0', 'click')),
]), "\n";
