<?php

declare(strict_types=1);

namespace Allotment\Tests;

use Allotment\Client;
use Allotment\Configuration\MemoryStore;
use Allotment\Http\Answer;
use Allotment\Http\Transport;
use Allotment\PageHead;
use PHPUnit\Framework\TestCase;

final class ClientTest extends TestCase
{
    private const STREAM = 'product_metrics.web_base';
    private const SCHEMA = '/analytics/product_metrics/web/base/1.3.0';

    private Recorder $log;

    /** @param array<array-key, mixed> $experiment */
    private static function registry(array $experiment = [], string $more = ''): RawServer
    {
        return new RawServer(self::answers($experiment, $more));
    }

    /**
     * @param array<array-key, mixed> $experiment
     * @return list<list<string>> what a registry answers when it is asked for all once
     */
    private static function answers(array $experiment = [], string $more = ''): array
    {
        $item = $experiment + [
            'name' => 'search-prompt',
            'groups' => ['control', 'prompt'],
            'sample_rate' => ['default' => 1],
            'stream_name' => self::STREAM,
        ];
        $stream = ['schema_title' => 'analytics/product_metrics/web/base', 'destination' => 'secret'];
        $version = "X-Allotment-Config-Version: 1\r\n";
        $answer = static fn (string $body): array => [RawServer::answer(200, $body, $version)];
        return [
            $answer('[' . json_encode($item) . $more . ']'),
            $answer('[]'),
            $answer(json_encode(['streams' => [self::STREAM => $stream]], JSON_THROW_ON_ERROR)),
        ];
    }

    private function client(RawServer $registry, string $intake = 'http://127.0.0.1:9/v1/events', int $capacity = 1000): Client
    {
        $this->log = new Recorder();
        $client = new Client(
            $registry->url,
            $intake,
            'mywiki',
            new MemoryStore(),
            logger: $this->log,
            queueCapacity: $capacity,
            afterResponse: false,
        );
        $client->configuration->refresh();
        return $client;
    }

    public function testVisitor_odds_neverThrowAndAreToldOnce(): void
    {
        $client = $this->client(self::registry(more: ', {"name": "broken"}'));
        $visitor = $client->visitor(browserId: 'a', context: ['page' => 'seven', 'performer' => ['groups' => [NAN]]]);
        foreach ([1, 2] as $_) {
            self::assertFalse($visitor->getExperiment('unknown')->send('click'));
            self::assertFalse($visitor->getInstrument('unknown')->send('click'));
            self::assertFalse($visitor->submitInteraction('nowhere', self::SCHEMA, 'click'));
            self::assertFalse($visitor->submitInteraction(self::STREAM, self::SCHEMA, ''));
            self::assertFalse($visitor->submitInteraction(self::STREAM, self::SCHEMA, 'click', ['action_context' => NAN]));
            self::assertFalse($visitor->submitInteraction(self::STREAM, self::SCHEMA, 'click', ['page' => STDIN]));
            self::assertFalse($visitor->submitInteraction(self::STREAM, self::SCHEMA, 'click', ['x' => str_repeat('x', 1_000_001)]));
        }
        $refused = ['not_enrolled' => 2, 'unknown_instrument' => 2, 'unknown_stream' => 2, 'no_action' => 2];
        self::assertSame($refused, $client->refused());
        self::assertSame(['not_json' => 4, 'too_large' => 2], $client->delivery->counts()->dropped);
        self::assertSame([
            'warning: allotment: experiments: broken: \'groups\' is null; 0 entries; give 1 to 10',
            "warning: allotment: the context's 'page' is \"seven\"; give an array of attributes",
            "warning: allotment: event not sent: instrument 'unknown' is not configured",
            "warning: allotment: event not sent: stream 'nowhere' is not configured",
            "warning: allotment: event not sent: an event for 'product_metrics.web_base' names no action",
        ], self::sortedAs($this->log->told, 5));
    }

    /**
     * @param list<string> $told
     * @return list<string> the first ones; those of delivery follow
     */
    private static function sortedAs(array $told, int $count): array
    {
        $own = array_values(array_filter($told, static fn (string $text): bool => !str_contains($text, 'delivery of events')));
        self::assertCount(3, array_diff($told, $own));
        self::assertCount($count, $own);
        $first = array_search($own[0], $own, true);
        self::assertSame(0, $first);
        usort($own, static fn (string $a, string $b): int => self::rank($a) <=> self::rank($b));
        return $own;
    }

    private static function rank(string $text): int
    {
        foreach (['experiments:', 'context', 'instrument', "'nowhere'", 'names no action'] as $rank => $part) {
            if (str_contains($text, $part)) {
                return $rank;
            }
        }
        return 9;
    }

    public function testLogger_thatThrows_breaksNothing(): void
    {
        $registry = self::registry();
        $logger = new class extends \Psr\Log\AbstractLogger {
            public function log($level, $message, array $context = []): void
            {
                throw new \RuntimeException('the disk is full');
            }
        };
        $client = new Client($registry->url, "$registry->url/v1/events", 'mywiki', new MemoryStore(), logger: $logger);
        self::assertFalse($client->visitor()->getInstrument('unknown')->send('click'));
    }

    public function testTransport_thatThrowsAnything_isAProblemLikeAnother(): void
    {
        $transport = new class implements Transport {
            public function send(string $method, string $url, array $headers, string $body, float $seconds): Answer
            {
                throw new \LogicException('never written');
            }
        };
        $client = new Client('http://127.0.0.1:9', 'http://127.0.0.1:9/', 'mywiki', new MemoryStore(), transport: $transport, afterResponse: false);
        $client->delivery->submit(['a' => 1]);
        $client->finish();
        self::assertSame(array_fill(0, 3, 'never written'), $client->configuration->problems());
        self::assertSame(['unreachable' => 1], $client->delivery->counts()->dropped);
        self::assertSame([], $client->refused());
    }

    public function testOverrides_thatAreNoTexts_costTheMembershipAndNotThePage(): void
    {
        $client = $this->client(self::registry());
        $visitor = $client->visitor(browserId: 'a', overrides: ['search-prompt' => 5]);
        self::assertNull($visitor->getExperimentBucketValue('search-prompt'));
        self::assertFalse($visitor->getExperiment('search-prompt')->send('click'));
        self::assertSame(['failed' => 1, 'not_enrolled' => 1], $client->refused());
        self::assertStringContainsString('failed, and the page goes on: TypeError: ', $this->log->told[0]);
    }

    public function testExposure_saidTwice_isSentOnce(): void
    {
        $client = $this->client(self::registry());
        $visitor = $client->visitor(browserId: 'a');
        self::assertTrue($visitor->getExperiment('search-prompt')->sendExposure());
        self::assertFalse($visitor->getExperiment('search-prompt')->sendExposure());
        self::assertFalse($client->visitor()->getExperiment('search-prompt')->sendExposure());
        self::assertSame(['already_exposed' => 1, 'not_enrolled' => 1], $client->refused());
        self::assertSame(1, $client->delivery->pending());
        self::assertTrue($client->visitor(browserId: 'a')->getExperiment('search-prompt')->sendExposure());
    }

    public function testExposure_thatWasDropped_mayBeTriedAgain(): void
    {
        $client = $this->client(self::registry(), capacity: 1);
        $visitor = $client->visitor(browserId: 'a');
        $visitor->getExperiment('search-prompt')->send('click');
        self::assertFalse($visitor->getExperiment('search-prompt')->sendExposure());
        $client->delivery->flush();
        self::assertTrue($visitor->getExperiment('search-prompt')->sendExposure());
    }

    public function testSubjectKey_hidesIdsMovesNobodyAndStaysSecret(): void
    {
        $registry = new RawServer([...self::answers(), ...self::answers()]);
        $plain = $this->client($registry)->visitor(browserId: 'a')->membership();
        $key = str_repeat('secret', 3);
        $client = new Client($registry->url, 'http://127.0.0.1:9/', 'mywiki', new MemoryStore(), subjectKey: $key, afterResponse: false);
        $client->configuration->refresh();
        $keyed = $client->visitor(browserId: 'a')->membership();
        self::assertSame($plain->assigned, $keyed->assigned);
        self::assertSame(['search-prompt' => hash_hmac('sha256', 'search-prompt:a', $key)], $keyed->subjectIds);
        self::assertNotSame($plain->subjectIds, $keyed->subjectIds);
        $forced = $client->visitor(browserId: 'a', overrides: ['search-prompt' => 'x'])->membership();
        self::assertSame(['search-prompt' => 'overridden'], $forced->subjectIds);
        self::assertSame('keyed', $client->describe()['subject_ids']);
        ob_start();
        var_dump($client);
        self::assertStringNotContainsString('secret', (string) ob_get_clean());
    }

    /** @dataProvider shortKeys */
    public function testSubjectKey_thatIsShort_isToldAtOnce(string $key): void
    {
        $this->expectException(\InvalidArgumentException::class);
        $this->expectExceptionMessage('subjectKey has ' . strlen($key) . ' bytes; give a secret of at least 16');
        new Client('http://127.0.0.1:9', 'http://127.0.0.1:9', 'mywiki', new MemoryStore(), subjectKey: $key);
    }

    /** @return list<array{string}> */
    public static function shortKeys(): array
    {
        return [[''], ['fifteen bytes..']];
    }

    public function testQueue_full_dropsAndCountsAndDeliversTheRest(): void
    {
        $intake = new RawServer([[RawServer::answer(201, '')]]);
        $client = $this->client(self::registry(), "$intake->url/v1/events", capacity: 250);
        $visitor = $client->visitor(browserId: 'a');
        for ($number = 0; $number < 260; $number++) {
            $visitor->getExperiment('search-prompt')->send('click', ['element_id' => (string) $number]);
        }
        $client->finish();
        $counts = $client->delivery->counts();
        self::assertSame([260, 250, ['queue_full' => 10], 0], [$counts->offered, $counts->accepted, $counts->dropped, $counts->pending]);
        $numbers = [];
        foreach ($intake->requests() as $request) {
            [$head, $body] = explode("\r\n\r\n", $request, 2);
            self::assertStringContainsString("X-Allotment-SDK: php/0.1.0\r\n", $head);
            $numbers[] = array_column(json_decode($body, true), 'element_id');
        }
        self::assertSame([100, 100, 50], array_map('count', $numbers));
        self::assertSame(array_map('strval', range(0, 249)), array_merge(...$numbers));
    }

    public function testIntake_thatIsGone_isTriedTwiceForAllThatWaits(): void
    {
        $intake = new RawServer([[]]);
        $client = $this->client(self::registry(), "$intake->url/v1/events");
        $visitor = $client->visitor(browserId: 'a');
        for ($number = 0; $number < 150; $number++) {
            $visitor->getExperiment('search-prompt')->send('click');
        }
        $client->finish();
        self::assertSame(['unreachable' => 150], $client->delivery->counts()->dropped);
        self::assertCount(2, $intake->requests());
        self::assertSame("events dropped (unreachable): $intake->url/v1/events: the answer broke off", $client->delivery->counts()->lastProblem);
    }

    public function testBatch_thatIsTooLarge_isHalved(): void
    {
        $intake = new RawServer([[RawServer::answer(413, '')], [RawServer::answer(413, '')], [RawServer::answer(201, '')]]);
        $client = $this->client(self::registry(), "$intake->url/v1/events");
        $visitor = $client->visitor(browserId: 'a');
        foreach (['a', 'b', 'c'] as $id) {
            $visitor->getExperiment('search-prompt')->send('click', ['element_id' => $id]);
        }
        $client->finish();
        $sizes = array_map(static fn (string $text): int => substr_count($text, 'element_id'), $intake->requests());
        self::assertSame([3, 2, 1, 1, 1], $sizes);
        self::assertSame(3, $client->delivery->counts()->accepted);
    }

    public function testFork_child_leavesTheEventsToItsParent(): void
    {
        $client = $this->client(self::registry());
        $client->visitor(browserId: 'a')->getExperiment('search-prompt')->send('click');
        $child = pcntl_fork();
        if ($child === 0) {
            posix_kill((int) getmypid(), $client->delivery->pending() === 0 ? SIGUSR1 : SIGUSR2);
        }
        pcntl_waitpid($child, $status);
        self::assertSame(SIGUSR1, pcntl_wtermsig($status));
        self::assertSame(1, $client->delivery->pending());
    }

    public function testEdge_group_winsOverTheDrawAndLosesToAnOverride(): void
    {
        $client = $this->client(self::registry());
        foreach (['control', 'prompt'] as $group) {
            $membership = $client->visitor(browserId: 'a', edge: ['search-prompt' => $group])->membership();
            self::assertSame(['search-prompt' => $group], $membership->assigned);
            self::assertSame(['search-prompt' => 'awaiting'], $membership->subjectIds);
            self::assertSame(['search-prompt' => 'default'], $membership->coordinators);
        }
        $forced = $client->visitor(overrides: ['search-prompt' => 'x'], edge: ['search-prompt' => 'control'])->membership();
        self::assertSame(['search-prompt' => 'x'], $forced->assigned);
        self::assertSame(['search-prompt' => 'forced'], $forced->coordinators);
        self::assertSame([], $client->visitor(browserId: 'a', edge: ['search-prompt' => 'gone'])->membership()->assigned);
        $users = $this->client(self::registry(['user_identifier_type' => 'mw-user']));
        self::assertSame([], $users->visitor(browserId: 'a', edge: ['search-prompt' => 'control'])->membership()->assigned);
    }

    public function testVisitor_whileTheConfigurationChanges_seesOneTruth(): void
    {
        $registry = new RawServer([...self::answers(), ...self::answers(['groups' => ['new']])]);
        $client = $this->client($registry);
        $before = $client->visitor(browserId: 'a');
        $client->configuration->refresh();
        self::assertContains($before->getExperimentBucketValue('search-prompt'), ['control', 'prompt']);
        self::assertSame('new', $client->visitor(browserId: 'a')->getExperimentBucketValue('search-prompt'));
        self::assertSame([], $client->configuration->problems());
    }

    public function testPageHead_whateverTheNames_cannotEndTheScript(): void
    {
        $name = '</script><!--<script>';
        $client = $this->client(self::registry(['name' => $name, 'groups' => ["\u{2028}&'\""]]));
        $visitor = $client->visitor(browserId: 'a');
        $html = PageHead::html($client, $visitor, '/a.js?x="<', '"><script>');
        self::assertSame(2, substr_count($html, '<script nonce="&quot;&gt;&lt;script&gt;"') + substr_count($html, '" nonce="&quot;&gt;&lt;script&gt;" defer'));
        self::assertSame(2, substr_count($html, '</script>'));
        self::assertStringNotContainsString('secret', $html);
        self::assertStringContainsString('src="/a.js?x=&quot;&lt;"', $html);
        preg_match('/window\.allotmentUserExperiments=(\{.*?\});window/', $html, $found);
        self::assertSame([$name], json_decode($found[1], true)['enrolled']);
    }
}
