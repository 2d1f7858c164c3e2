<?php

declare(strict_types=1);

namespace Allotment\Tests\Allocation;

use Allotment\Allocation\Experiment;
use Allotment\Allocation\ExperimentReader;
use Allotment\Allocation\IsoTime;
use Allotment\Allocation\Law;
use Allotment\Allocation\Overrides;
use Allotment\Allocation\SampleRate;
use Allotment\EdgeEnrollments;
use Allotment\Tests\Vectors;
use PHPUnit\Framework\TestCase;

/** What every language agrees on, case by case. */
final class VectorsTest extends TestCase
{
    public function testAllocation_vectors_agree(): void
    {
        $cases = Vectors::read('allocation.json')['cases'];
        $wrong = [];
        foreach ($cases as $case) {
            $experiment = new Experiment(
                $case->experiment,
                $case->groups,
                $case->weights ?? array_fill(0, count($case->groups), 1),
                new SampleRate((float) $case->rate),
            );
            $found = $experiment->allocate($case->subject);
            if ([$found->subjectId, $found->group] !== [$case->subject_id, $case->group]) {
                $wrong[] = $case;
            }
        }
        self::assertSame([], array_slice($wrong, 0, 3));
        self::assertCount(10_000, $cases);
    }

    /**
     * @testWith ["evaluation.json", 2500]
     *           ["borders.json", 1491]
     */
    public function testEvaluation_vectors_agree(string $name, int $count): void
    {
        $cases = Vectors::read($name)['cases'];
        $wrong = [];
        foreach ($cases as $case) {
            $found = ExperimentReader::read($case->experiment)->allocate(
                $case->subject,
                $case->site,
                new \DateTimeImmutable($case->now),
                (array) $case->overrides,
                (array) $case->attributes,
            );
            $expected = [$case->subject_id, $case->group, $case->reason];
            if ([$found->subjectId, $found->group, $found->reason->value] !== $expected) {
                $wrong[] = [$case, $found];
            }
        }
        self::assertSame([], array_slice($wrong, 0, 3));
        self::assertCount($count, $cases);
    }

    public function testTimes_vectors_agree(): void
    {
        $cases = Vectors::read('times.json')['cases'];
        $wrong = [];
        foreach ($cases as $case) {
            $found = IsoTime::read($case->text);
            $at = $found === null ? null : $found->getTimestamp() * 1000 + intdiv((int) $found->format('u'), 1000);
            if ($at !== $case->ms) {
                $wrong[] = [$case, $at];
            }
        }
        self::assertSame([], array_slice($wrong, 0, 3));
        self::assertCount(1_500, $cases);
    }

    public function testSubjectIds_keyed_agree(): void
    {
        foreach (Vectors::read('subject_ids.json')['cases'] as $case) {
            $key = (string) hex2bin($case->key);
            self::assertSame($case->subject_id, Law::keyedSubjectId($key, $case->subject, $case->experiment));
            self::assertSame($case->plain, Law::subjectHash($case->subject, $case->experiment));
        }
    }

    public function testReading_rates_agree(): void
    {
        foreach (Vectors::read('reading.json')['rates'] as $case) {
            $expected = $case->rate === null ? null : (float) $case->rate;
            self::assertSame($expected, ExperimentReader::rate($case->text), "'$case->text'");
        }
    }

    public function testSampling_vectors_agree(): void
    {
        $cases = Vectors::read('sampling.json')['cases'];
        foreach ($cases as $case) {
            self::assertSame($case->in, Law::inSample($case->id, (float) $case->rate), "$case->id at $case->rate");
        }
        self::assertCount(1_500, $cases);
    }

    public function testOverrides_vectors_agree(): void
    {
        $cases = Vectors::read('overrides.json')['cases'];
        foreach ($cases as $case) {
            self::assertSame((array) $case->forced, Overrides::parse($case->text), "'$case->text'");
        }
        self::assertCount(600, $cases);
    }

    public function testEnrollments_vectors_agree(): void
    {
        $cases = Vectors::read('enrollments.json')['cases'];
        foreach ($cases as $case) {
            self::assertSame((array) $case->groups, EdgeEnrollments::parse($case->header), "'$case->header'");
        }
        self::assertCount(800, $cases);
    }
}
