<?php

declare(strict_types=1);

namespace Allotment\Delivery;

use Allotment\Http\Address;
use Allotment\Http\Answer;
use Allotment\Http\Transport;
use Allotment\Json;
use Allotment\Log;
use Allotment\Version;

/**
 * Events on their way to the intake: a bounded queue in memory, sent when `flush` is called.
 *
 * What cannot be delivered is counted by reason, never lost in silence. An event is sent again when
 * its answer did not come, so the intake may meet it twice; its `meta.id` tells.
 */
final class Delivery
{
    public const MAX_BATCH_EVENTS = 100;
    public const MAX_BATCH_BYTES = 1_000_000;
    private const PAUSE_MICROSECONDS = [50_000, 150_000];
    private const TOO_LARGE = 413;

    /** @var list<string> */
    private array $queue = [];
    private int $offered = 0;
    private int $accepted = 0;
    private int $rejected = 0;
    /** @var array<string, int> */
    private array $dropped = [];
    private string $lastProblem = '';
    private int $process;

    /**
     * @param string $intakeUrl such as `http://127.0.0.1:8192/v1/events`
     * @param int $capacity events that may wait; further ones are dropped as `queue_full`
     * @param float $timeout seconds that one answer may take
     * @param float $giveUpSeconds how long one `flush` may take; what is left is `unreachable`
     * @param bool $compress send bodies gzipped
     * @throws \InvalidArgumentException the address is none
     */
    public function __construct(
        private readonly string $intakeUrl,
        private readonly Transport $transport,
        private readonly Log $log = new Log(),
        private readonly int $capacity = 1_000,
        private readonly float $timeout = 2.0,
        private readonly float $giveUpSeconds = 5.0,
        private readonly bool $compress = false,
    ) {
        Address::of($intakeUrl);
        $this->process = (int) getmypid();
    }

    /**
     * Queues one event; false (and counted) if it is dropped. Never waits for the network.
     *
     * @param array<array-key, mixed> $event
     */
    public function submit(array $event): bool
    {
        $this->beginProcess();
        $this->offered += 1;
        try {
            $line = Json::encode((object) $event);
        } catch (\Throwable $error) {
            return $this->drop(1, 'not_json', "an event cannot be written as JSON: {$error->getMessage()}");
        }
        if (strlen($line) > self::MAX_BATCH_BYTES) {
            return $this->drop(1, 'too_large', 'an event has ' . strlen($line) . ' bytes');
        }
        if (count($this->queue) >= $this->capacity) {
            return $this->drop(1, 'queue_full', "more than $this->capacity events wait");
        }
        $this->queue[] = $line;
        return true;
    }

    /** Events that wait. */
    public function pending(): int
    {
        $this->beginProcess();
        return count($this->queue);
    }

    /** All counters of this process. */
    public function counts(): DeliveryCounts
    {
        return new DeliveryCounts(
            $this->offered,
            $this->accepted,
            $this->rejected,
            $this->dropped,
            $this->pending(),
            $this->lastProblem,
        );
    }

    /** Sends what waits, now. Afterwards nothing waits: it was taken, refused or dropped. */
    public function flush(): void
    {
        $this->beginProcess();
        $end = $this->now() + $this->giveUpSeconds;
        while ($this->queue !== []) {
            $batch = $this->take();
            $this->deliver($batch, $end);
        }
    }

    /** @return non-empty-list<string> */
    private function take(): array
    {
        $size = 0;
        $count = 0;
        foreach ($this->queue as $line) {
            $size += strlen($line) + 1;
            if ($count === self::MAX_BATCH_EVENTS || ($count > 0 && $size > self::MAX_BATCH_BYTES)) {
                break;
            }
            $count += 1;
        }
        return array_splice($this->queue, 0, max(1, $count));
    }

    /** @param list<string> $batch */
    private function deliver(array $batch, float $end): void
    {
        $problem = 'no time was left';
        for ($try = 1; $try <= 2 && $this->now() < $end; $try++) {
            if ($try > 1) {
                usleep(random_int(...self::PAUSE_MICROSECONDS));
            }
            try {
                $answer = $this->post($batch, min($this->timeout, max(0.01, $end - $this->now())));
            } catch (\Throwable $error) {
                // A transport of the site's own may throw anything.
                $problem = $error->getMessage();
                continue;
            }
            if ($answer->status === self::TOO_LARGE) {
                $this->halve($batch, $end);
                return;
            }
            $verdict = Verdict::of($answer, count($batch));
            if ($verdict->decided) {
                $this->accepted += count($batch) - $verdict->rejected;
                $this->rejected += $verdict->rejected;
                $this->note($verdict->problem);
                return;
            }
            $problem = "$this->intakeUrl: $verdict->problem";
        }
        $this->drop(count($batch), 'unreachable', $problem);
        // Who did not answer twice will not answer the rest: the worker has pages to serve.
        $this->drop(count($this->queue), 'unreachable', $problem);
        $this->queue = [];
    }

    /** @param list<string> $batch */
    private function post(array $batch, float $seconds): Answer
    {
        $body = '[' . implode(',', $batch) . ']';
        $headers = [
            'Content-Type' => 'application/json',
            'User-Agent' => Version::USER_AGENT,
            'X-Allotment-SDK' => 'php/' . Version::NUMBER,
        ];
        if ($this->compress && function_exists('gzencode')) {
            $packed = gzencode($body, 5);
            if ($packed !== false) {
                $body = $packed;
                $headers['Content-Encoding'] = 'gzip';
            }
        }
        return $this->transport->send('POST', $this->intakeUrl, $headers, $body, $seconds);
    }

    /** @param list<string> $batch */
    private function halve(array $batch, float $end): void
    {
        if (count($batch) === 1) {
            $this->drop(1, 'too_large', 'the intake calls an event too large');
            return;
        }
        foreach (array_chunk($batch, (int) ceil(count($batch) / 2)) as $half) {
            $this->deliver($half, $end);
        }
    }

    private function drop(int $count, string $reason, string $problem): bool
    {
        if ($count > 0) {
            $this->dropped[$reason] = ($this->dropped[$reason] ?? 0) + $count;
            $this->note("events dropped ($reason): $problem");
        }
        return false;
    }

    private function note(string $problem): void
    {
        if ($problem !== '') {
            $this->lastProblem = $problem;
            $this->log->warn("delivery of events: $problem");
        }
    }

    /** A forked process begins with an empty queue, because its parent delivers its own. */
    private function beginProcess(): void
    {
        $process = (int) getmypid();
        if ($process !== $this->process) {
            $this->process = $process;
            $this->queue = [];
            $this->offered = $this->accepted = $this->rejected = 0;
            $this->dropped = [];
        }
    }

    private function now(): float
    {
        return hrtime(true) / 1e9;
    }
}
