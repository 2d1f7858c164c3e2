<?php

declare(strict_types=1);

namespace Allotment\Tests;

use Allotment\CookieIds;
use Allotment\EdgeEnrollments;
use Allotment\Events;
use Allotment\Json;
use Allotment\Membership;
use PHPUnit\Framework\TestCase;

/** What has no counterpart in another language's tests: PHP's own kinds of values. */
final class EventsTest extends TestCase
{
    public function testMerged_emptyArrays_areWhatTheOtherIs(): void
    {
        $under = ['map' => ['a' => 1], 'list' => [1, 2], 'empty' => [], 'object' => (object) ['a' => 1]];
        $over = ['map' => [], 'list' => [], 'empty' => ['b' => 2], 'object' => ['b' => 2]];
        $expected = ['map' => ['a' => 1], 'list' => [], 'empty' => ['b' => 2], 'object' => ['a' => 1, 'b' => 2]];
        self::assertSame($expected, Events::merged($under, $over));
    }

    public function testInteraction_emptyObjectsOfTheSchema_areObjectsInJson(): void
    {
        $event = Events::interaction(
            '/s/1.0.0',
            'stream',
            'domain',
            'id',
            new \DateTimeImmutable('2026-02-28T23:59:59.999999-02:00'),
            'click',
            ['page' => [], 'meta' => 'odd', 'sample' => 'forged', "bad\xFF" => "\xED\xA0\x80"],
        );
        self::assertSame(
            '{"agent":{},"page":{},"meta":{"stream":"stream","domain":"domain","id":"id"},"bad\ufffd":"\ufffd",'
            . '"$schema":"/s/1.0.0","action":"click","dt":"2026-03-01T01:59:59.999Z"}',
            Json::encode($event)
        );
    }

    public function testNewId_many_areVersionFourAndDiffer(): void
    {
        $ids = array_map(static fn (): string => Events::newId(), range(1, 500));
        self::assertCount(500, array_unique($ids));
        foreach ($ids as $id) {
            self::assertMatchesRegularExpression('/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/D', $id);
        }
    }

    public function testMembership_namesLikeNumbers_areMapsInJson(): void
    {
        $membership = new Membership(['0' => 'a', '1' => 'b'], overrides: ['0']);
        $expected = '{"enrolled":["0","1"],"assigned":{"0":"a","1":"b"},"subject_ids":{},"sampling_units":{},'
            . '"coordinators":{},"versions":{},"overrides":["0"]}';
        self::assertSame($expected, Json::encode($membership->toPage()));
        self::assertSame('b', $membership->group('1'));
    }

    /**
     * @dataProvider enrollmentHeaders
     * @param array<string, string> $expected
     */
    public function testEdge_header_costsOnlyItsDamagedItems(string $header, array $expected): void
    {
        self::assertSame($expected, EdgeEnrollments::parse($header));
    }

    /** @return list<array{string, array<string, string>}> */
    public static function enrollmentHeaders(): array
    {
        return [
            ['', []],
            ['first-test=control;second-test=b;', ['first-test' => 'control', 'second-test' => 'b']],
            ['first-test=control', ['first-test' => 'control']],
            ['first-test=control/AbC_-; second-test=b', ['first-test' => 'control', 'second-test' => 'b']],
            ['short=a;first-test=;=b;first-test==a;x;second-test=b', ['second-test' => 'b']],
            ['first-test=a;first-test=b;first-test=a;second-test=b;second-test=b', ['second-test' => 'b']],
            ["first-test=a\n;second-test=b", ['second-test' => 'b']],
        ];
    }

    public function testEdge_headersOfAnAnswer_readBackAsTheMembership(): void
    {
        $membership = new Membership(['first-test' => 'control', 'odd; name' => 'a', 'second-test' => 'b']);
        $expected = ['X-Experiment-Enrollments' => 'first-test=control;second-test=b;',
            'Server-Timing' => 'WMF-Uniq;desc="first-test=control;second-test=b;"'];
        self::assertSame($expected, EdgeEnrollments::headers($membership));
        self::assertSame([], EdgeEnrollments::headers(new Membership(['short' => 'a'])));
    }

    public function testCookies_goodOnes_areKeptAndOthersReplaced(): void
    {
        $good = ['allotment-browser' => str_repeat('0a', 16), 'allotment-session' => str_repeat('0', 20)];
        $ids = CookieIds::of($good, true);
        self::assertSame([array_values($good), []], [[$ids->browserId, $ids->sessionId], $ids->setCookies]);
        foreach ([[], ['allotment-browser' => ['x'], 'allotment-session' => str_repeat('0', 20) . "\n"]] as $bad) {
            $ids = CookieIds::of($bad, true);
            self::assertSame([
                "allotment-browser=$ids->browserId; Max-Age=31536000; HttpOnly; Path=/; SameSite=Lax; Secure",
                "allotment-session=$ids->sessionId; Path=/; SameSite=Lax; Secure",
            ], $ids->setCookies);
            self::assertSame([32, 20], [strlen($ids->browserId), strlen($ids->sessionId)]);
        }
        self::assertStringNotContainsString('Secure', implode(CookieIds::of([], false)->setCookies));
    }
}
