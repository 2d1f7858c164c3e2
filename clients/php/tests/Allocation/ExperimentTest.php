<?php

declare(strict_types=1);

namespace Allotment\Tests\Allocation;

use Allotment\Allocation\ConfigError;
use Allotment\Allocation\Experiment;
use Allotment\Allocation\ExperimentReader;
use Allotment\Allocation\Law;
use Allotment\Allocation\LayerRange;
use Allotment\Allocation\Overrides;
use Allotment\Allocation\Reason;
use Allotment\Allocation\SampleRate;
use Allotment\Json;
use PHPUnit\Framework\TestCase;

final class ExperimentTest extends TestCase
{
    public function testLayer_slotAtTheBorders_beginIsInAndEndIsOut(): void
    {
        $slot = Law::layerSlot('42', 'search');
        foreach ([[$slot, $slot + 1, true], [0, $slot, false], [$slot + 1, 1 << 24, false]] as [$begin, $end, $in]) {
            $layer = new LayerRange('search', $begin, $end);
            $experiment = new Experiment('foo', ['a'], [1], new SampleRate(1.0), layer: $layer);
            $expected = $in ? Reason::Assigned : Reason::LayerTaken;
            self::assertSame($expected, $experiment->allocate('42')->reason, "$begin to $end");
        }
    }

    public function testNames_thatLookLikeNumbers_stayTexts(): void
    {
        $item = '{"name": "0", "groups": ["0", "00", "0.0"], "sample_rate": {"default": 0, "1": ["7"]}}';
        $experiment = ExperimentReader::read(Json::decode($item));
        self::assertSame(Reason::NotSampled, $experiment->allocate('0')->reason);
        self::assertSame(Reason::Assigned, $experiment->allocate('0', '7')->reason);
        self::assertSame('00', $experiment->allocate('0', overrides: Overrides::parse('0:00'))->group);
    }

    public function testOverrides_inQuery_areReadUpToTheLengthOfALinkByHand(): void
    {
        $long = 'a:' . str_repeat('é', 2046);
        self::assertSame(['a' => substr($long, 2)], Overrides::inQuery(['mpo' => $long]));
        foreach ([[], ['mpo' => ['a:b']], ['mpo' => "{$long}x"], ['mpo' => "a:\xFF"]] as $query) {
            self::assertSame([], Overrides::inQuery($query));
        }
    }

    public function testText_loneSurrogate_countsAsReplacementCharacter(): void
    {
        $found = Json::decode('["\\ud83d", "a\\\\ud83d", "\\ud83d\\ude00", "\\ude00\\ud83d\\u0041"]');
        self::assertSame(["\u{FFFD}", 'a\\ud83d', "\u{1F600}", "\u{FFFD}\u{FFFD}A"], $found);
    }

    /** @dataProvider damagedItems */
    public function testReader_damagedItem_namesFieldValueAndRemedy(string $change, string $message): void
    {
        $sound = '{"name": "foo", "groups": ["a", "b"]';
        $this->expectException(ConfigError::class);
        $this->expectExceptionMessage($message);
        ExperimentReader::read(Json::decode(str_starts_with($change, '!') ? substr($change, 1) : "$sound, $change}"));
    }

    /** @return list<array{string, string}> */
    public static function damagedItems(): array
    {
        return [
            ['![]', 'an experiment is []; it must be a JSON object'],
            ['!{"groups": ["a"]}', "an experiment's 'name' is null; give a text that is not empty"],
            ['!{"name": "foo"}', "foo: 'groups' is null; 0 entries; give 1 to 10"],
            ['"groups": {"0": "a"}', "foo: 'groups' is {\"0\":\"a\"}; it must be a list of texts"],
            ['"groups": ["1", "1"]', "foo: 'groups' is [\"1\",\"1\"]; a group is listed twice"],
            ['"weights": [1, "1"]', "foo: 'weights' is [1,\"1\"]; give whole numbers, 0 or more"],
            ['"weights": [0, 0]', "they add up to 0; their sum must be 1 to 1048576"],
            ['"sample_rate": {"default": "half"}', "a rate in 'sample_rate' is \"half\"; give a number from 0 to 1"],
            ['"sample_rate": []', "foo: 'sample_rate' is []; it must be a JSON object"],
            ['"start": "tomorrow"', "foo: 'start' is \"tomorrow\"; give a time such as 2026-11-22T09:00:00Z"],
            ['"end": "2026-06-31"', "foo: 'end' is \"2026-06-31\""],
            ['"layer": {"name": "s", "begin": 5, "end": 5}', "foo: 'layer' is"],
            ['"holdouts": {"name": "h", "begin": 0, "end": 5}', "foo: 'holdouts' is"],
            ['"holdouts": [7]', "foo: 'holdouts' is 7; it must be a JSON object"],
            ['"holdouts": [{"name": "h", "begin": 0}]', "foo: 'holdouts' is"],
            ['"targeting": {"page_id": {"is": 1}}', "foo: 'targeting' of page_id has the operator 'is'; give one of"],
            ['"targeting": {"page_id": {"less_than": "1"}}', 'less_than has "1"; give a number'],
            ['"version": 2.5', "foo: 'version' is 2.5; give a text or a whole number"],
        ];
    }
}
