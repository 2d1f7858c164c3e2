<?php

declare(strict_types=1);

namespace Allotment\Tests;

use Allotment\Client;
use Allotment\Configuration\MemoryStore;
use Allotment\Http\Answer;
use Allotment\Http\Transport;
use Allotment\Json;
use Allotment\Visitor;
use PHPUnit\Framework\TestCase;

/** The events that the same calls make in every language, but for `dt`, `meta.id` and `agent`. */
final class EventVectorsTest extends TestCase implements Transport
{
    private const STREAM = 'product_metrics.web_base';

    private \stdClass $case;
    /** @var list<\stdClass> */
    private array $sent = [];

    /** A site's own transport: configuration and intake of one case, without a network. */
    public function send(string $method, string $url, array $headers, string $body, float $seconds): Answer
    {
        if ($method === 'POST') {
            array_push($this->sent, ...Json::decode($body));
            return new Answer(201, [], '');
        }
        $found = match (parse_url($url, PHP_URL_PATH)) {
            '/api/v1/experiments' => $this->case->experiments,
            '/api/v1/instruments' => $this->case->instruments,
            default => (object) ['streams' => $this->case->streams],
        };
        return new Answer(200, ['x-allotment-config-version' => '1'], Json::encode($found));
    }

    public function testEvents_vectors_agree(): void
    {
        $cases = Vectors::read('events.json')['cases'];
        foreach ($cases as $this->case) {
            $client = new Client(
                'http://127.0.0.1:9',
                'http://127.0.0.1:9/v1/events',
                $this->case->site,
                new MemoryStore(),
                domain: $this->case->domain,
                transport: $this,
                afterResponse: false,
            );
            $client->configuration->refresh();
            $visitor = $client->visitor(
                userId: $this->case->user_id,
                sessionId: $this->case->session_id,
                overrides: (array) $this->case->overrides,
                context: (array) $this->case->context,
            );
            self::assertSame(
                self::sorted($this->case->membership),
                self::sorted((object) $visitor->membership()->toEvent())
            );
            foreach ($this->case->calls as $at => $call) {
                $this->sent = [];
                $isSent = self::call($visitor, ...$call);
                $client->delivery->flush();
                self::assertCount($isSent ? 1 : 0, $this->sent);
                $event = $this->sent[0] ?? null;
                if ($event !== null) {
                    unset($event->dt, $event->meta->id, $event->agent);
                }
                $said = Json::encode($call) . ' of ' . Json::encode($this->case);
                self::assertSame(self::sorted($this->case->events[$at]), self::sorted($event), $said);
            }
        }
        self::assertCount(250, $cases);
    }

    public function testExposures_vectorsOfOneRequest_agree(): void
    {
        $tried = 0;
        foreach (Vectors::read('exposures.json')['cases'] as $case) {
            if (!$case->request) {
                continue;
            }
            $this->case = (object) ['experiments' => [], 'instruments' => [], 'streams' => (object) [self::STREAM => new \stdClass()]];
            $client = new Client(
                'http://127.0.0.1:9',
                'http://127.0.0.1:9/v1/events',
                'mywiki',
                new MemoryStore(),
                transport: $this,
                queueCapacity: 1,
                afterResponse: false,
            );
            $client->configuration->refresh();
            $visitor = $client->visitor(overrides: ['foo' => $case->steps[0]->group]);
            foreach ($case->steps as $step) {
                if (!$step->handed) {
                    // The queue has room for one.
                    $client->delivery->submit(['another' => 1]);
                }
                self::assertSame($step->told, $visitor->getExperiment('foo')->sendExposure(), Json::encode($case));
                $client->delivery->flush();
            }
            $tried += 1;
        }
        self::assertSame(58, $tried);
    }

    private static function call(Visitor $visitor, string $kind, string $name, mixed ...$given): bool
    {
        if ($kind === 'interaction') {
            [$schema, $action, $data] = $given;
            return $visitor->submitInteraction($name, $schema, $action, (array) $data);
        }
        if ($kind === 'exposure') {
            return $visitor->getExperiment($name)->sendExposure();
        }
        [$action, $data] = $given;
        $handle = $kind === 'experiment' ? $visitor->getExperiment($name) : $visitor->getInstrument($name);
        return $handle->send($action, (array) $data);
    }

    /** JSON with the members of objects in order, since no language promises another. */
    private static function sorted(mixed $value): string
    {
        if ($value instanceof \stdClass) {
            $members = array_map(self::sorted(...), (array) $value);
            ksort($members, SORT_STRING);
            return '{' . implode(',', array_map(
                static fn (string $key, string $member): string => Json::encode($key) . ":$member",
                array_map('strval', array_keys($members)),
                $members
            )) . '}';
        }
        if (is_float($value) && $value === floor($value)) {
            // JSON has one kind of number.
            $value = (int) $value;
        }
        return is_array($value)
            ? '[' . implode(',', array_map(self::sorted(...), $value)) . ']'
            : Json::encode($value);
    }
}
