<?php

declare(strict_types=1);

namespace Allotment\Tests\Configuration;

use Allotment\Configuration\ConfigurationSource;
use Allotment\Configuration\MemoryStore;
use Allotment\Configuration\Store;
use Allotment\Http\SocketTransport;
use Allotment\Log;
use Allotment\Tests\RawServer;
use Allotment\Tests\Recorder;
use PHPUnit\Framework\TestCase;

final class ConfigurationSourceTest extends TestCase
{
    private const FOO = '{"name": "foo", "groups": ["a"], "stream_name": "s"}';
    private const BAR = '{"name": "b,r", "groups": ["a"], "stream_name": "s"}';

    /** @return list<list<string>> one round of answers */
    private static function round(string $items, string $streams, string $headers = '', int $version = 1): array
    {
        $answer = static fn (string $body): array => [
            RawServer::answer(200, $body, "X-Allotment-Config-Version: $version\r\nETag: \"e$version\"\r\n$headers"),
        ];
        return [$answer("[$items]"), $answer("[$items]"), $answer("{\"streams\": {{$streams}}}")];
    }

    private function source(RawServer $registry, ?Store $store = null, ?Log $log = null, string $site = 'mywiki'): ConfigurationSource
    {
        return new ConfigurationSource(
            "$registry->url/",
            $site,
            $store ?? new MemoryStore(),
            new SocketTransport(),
            $log ?? new Log(),
        );
    }

    /** @return array{list<string>, list<string>} names of experiments and streams */
    private static function names(ConfigurationSource $source): array
    {
        $current = $source->current();
        return [
            array_map('strval', array_keys($current->experiments())),
            array_map('strval', array_keys($current->streams())),
        ];
    }

    /**
     * @dataProvider leftOut
     * @param list<string> $experiments
     * @param list<string> $streams
     */
    public function testAnswer_thatHadToLeaveItemsOut_keepsThoseAlone(string $header, array $experiments, array $streams): void
    {
        $registry = new RawServer([
            ...self::round(self::FOO . ',' . self::BAR, '"foo": {}, "b,r": {"kept": 1.0}, "7": {}'),
            ...self::round(self::FOO, '"foo": {}', $header, 2),
        ]);
        $source = $this->source($registry);
        $source->refresh();
        $source->refresh();
        self::assertSame([$experiments, $streams], self::names($source));
        self::assertNotNull($source->current()->instrument('foo'));
        self::assertSame(in_array('b,r', $experiments, true), $source->current()->instrument('b,r') !== null);
        self::assertSame(2, $source->version());
        self::assertSame([], $source->problems());
    }

    /** @return array<string, array{string, list<string>, list<string>}> */
    public static function leftOut(): array
    {
        return [
            'none' => ['', ['foo'], ['foo']],
            'one' => ["X-Allotment-Left-Out-Names: b%2Cr\r\n", ['foo', 'b,r'], ['foo', 'b,r']],
            'another' => ["X-Allotment-Left-Out-Names: x,7\r\n", ['foo'], ['foo', '7']],
            'too many' => ["X-Allotment-Left-Out-Names: *\r\n", ['foo', 'b,r'], ['foo', 'b,r', '7']],
        ];
    }

    public function testAnswer_notModified_confirmsTheCopy(): void
    {
        $same = ["HTTP/1.1 304 Not Modified\r\nX-Allotment-Config-Version: 9\r\n\r\n"];
        $registry = new RawServer([...self::round(self::FOO, '"s": {}'), $same]);
        $source = $this->source($registry);
        self::assertNull($source->ageSeconds());
        $source->refresh();
        $age = $source->ageSeconds();
        usleep(20_000);
        $source->refresh();
        self::assertSame([['foo'], ['s']], self::names($source));
        self::assertSame(9, $source->version());
        self::assertLessThan($age + 0.02, $source->ageSeconds());
        self::assertStringContainsString("If-None-Match: \"e1\"\r\n", $registry->requests()[4]);
        self::assertStringStartsWith("GET /w/api.php?action=streamconfigs&format=json&site=mywiki HTTP/1.1\r\n", $registry->requests()[5]);
    }

    public function testAnswer_ofWhichNothingIsUsable_changesNothing(): void
    {
        $registry = new RawServer([
            ...self::round(self::FOO . ', {"name": "bad"}', '"s": {}, "t": 7'),
            ...self::round('{"name": "bad"}', '"s": 7', version: 2),
        ]);
        $source = $this->source($registry);
        $source->refresh();
        $left = [
            "experiments: bad: 'groups' is null; 0 entries; give 1 to 10",
            "instruments: bad: 'stream_name' is null; give the name of a stream",
            "streams: 't' is no JSON object",
        ];
        self::assertSame($left, $source->problems());
        $source->refresh();
        self::assertSame([['foo'], ['s']], self::names($source));
        self::assertSame([
            "experiments: no item is usable; the first: $left[0]",
            "instruments: no item is usable; the first: $left[1]",
            "streams: no item is usable; the first: streams: 's' is no JSON object",
            ...$left,
        ], $source->problems());
    }

    public function testRefresh_isClaimedOnlyWhenTheCopyIsOld(): void
    {
        $registry = new RawServer(self::round(self::FOO, '"s": {}'));
        $store = new MemoryStore();
        self::assertTrue($this->source($registry, $store)->claimRefresh());
        self::assertFalse($this->source($registry, $store)->claimRefresh(), 'another one asks');
        $fresh = new MemoryStore();
        $source = $this->source($registry, $fresh);
        $source->refresh();
        self::assertFalse($source->claimRefresh());
        self::assertTrue($fresh->claim(5.0), 'nobody claimed a fresh copy');
    }

    public function testCopy_ofAnotherSiteOrDamaged_isNotUsed(): void
    {
        $registry = new RawServer(self::round(self::FOO, '"s": {}'));
        $store = new MemoryStore();
        $this->source($registry, $store)->refresh();
        self::assertSame([['foo'], ['s']], self::names($this->source($registry, $store)));
        self::assertSame([[], []], self::names($this->source($registry, $store, site: 'other')));
        foreach (['', '{', '[]', '{"format":1,"site":"mywiki","held":{"experiments":{"body":7}}}'] as $damaged) {
            $store->write($damaged);
            $log = new Recorder();
            $source = $this->source($registry, $store, new Log($log));
            self::assertSame([[], []], self::names($source));
            self::assertCount($damaged === '[]' ? 0 : 1, $log->told, $damaged);
        }
    }

    public function testStore_thatFails_isToldAndBreaksNothing(): void
    {
        $store = new class implements Store {
            public function read(): ?string
            {
                throw new \Allotment\Configuration\StoreProblem('no reading');
            }

            public function write(string $copy): void
            {
                throw new \Allotment\Configuration\StoreProblem('no writing');
            }

            public function claim(float $seconds): bool
            {
                throw new \Allotment\Configuration\StoreProblem('no claiming');
            }
        };
        $log = new Recorder();
        $registry = new RawServer(self::round(self::FOO, '"s": {}'));
        $source = $this->source($registry, $store, new Log($log));
        self::assertFalse($source->claimRefresh());
        $source->refresh();
        self::assertSame([['foo'], ['s']], self::names($source));
        $expected = array_map(static fn (string $what): string => "warning: allotment: configuration kept as it was: no $what", ['reading', 'claiming', 'writing']);
        self::assertSame($expected, $log->told);
        self::assertSame(['no writing'], $source->problems());
    }

    public function testAnswer_withKeysThatNoObjectCanHave_isReadAllTheSame(): void
    {
        $odd = '{"name": "odd", "groups": ["a"], "sample_rate": {"default": 1}, "targeting": {"\u0000x": {"equals": 1}}}';
        $registry = new RawServer(self::round(self::FOO . ",$odd", '"s": {}'));
        $source = $this->source($registry);
        $source->refresh();
        self::assertSame([['foo', 'odd'], ['s']], self::names($source));
        $odd = $source->current()->experiment('odd');
        self::assertNull($odd?->allocate('1')->group);
        self::assertSame('a', $odd?->allocate('1', attributes: ["\0x" => 1])->group);
    }
}
