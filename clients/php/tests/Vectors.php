<?php

declare(strict_types=1);

namespace Allotment\Tests;

use Allotment\Json;

/** The test vectors of the repository's root, which every language reads, each held to its digest. */
final class Vectors
{
    private const FOLDER = __DIR__ . '/../../../vectors/';

    /** @return array<array-key, mixed> */
    public static function read(string $name): array
    {
        $sums = (string) file_get_contents(self::FOLDER . 'SHA256SUMS');
        if (!str_contains($sums, hash_file('sha256', self::FOLDER . $name) . "  $name\n")) {
            throw new \UnexpectedValueException("vectors/$name is not what SHA256SUMS lists; run: make vectors");
        }
        return (array) Json::decode((string) file_get_contents(self::FOLDER . $name));
    }
}
