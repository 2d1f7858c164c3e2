<?php

declare(strict_types=1);

namespace Allotment\Tests\Configuration;

use Allotment\Configuration\FileStore;
use Allotment\Configuration\MemoryStore;
use Allotment\Configuration\Psr6Store;
use Allotment\Configuration\Store;
use Allotment\Configuration\StoreProblem;
use PHPUnit\Framework\TestCase;
use Symfony\Component\Cache\Adapter\FilesystemAdapter;

final class StoresTest extends TestCase
{
    private string $folder;

    protected function setUp(): void
    {
        $this->folder = sys_get_temp_dir() . '/allotment-' . bin2hex(random_bytes(8));
    }

    protected function tearDown(): void
    {
        exec('rm -rf ' . escapeshellarg($this->folder));
    }

    private function store(string $kind): Store
    {
        return match ($kind) {
            'file' => new FileStore("$this->folder/deep/allotment.json"),
            'cache' => new Psr6Store(new FilesystemAdapter('', 0, $this->folder)),
            'memory' => new MemoryStore(),
        };
    }

    /** @return list<array{string}> */
    public static function kinds(): array
    {
        return [['file'], ['cache'], ['memory']];
    }

    /** @dataProvider kinds */
    public function testStore_copy_isReadAsItWasWritten(string $kind): void
    {
        $store = $this->store($kind);
        self::assertNull($store->read());
        foreach (['{"a": "\u00e9😀"}', str_repeat('x', 200_000), ''] as $copy) {
            $store->write($copy);
            self::assertSame($copy, ($kind === 'memory' ? $store : $this->store($kind))->read());
        }
    }

    /** @dataProvider kinds */
    public function testStore_claim_isForOneInSoManySeconds(string $kind): void
    {
        $one = $this->store($kind);
        $other = $kind === 'memory' ? $one : $this->store($kind);
        self::assertTrue($one->claim(30.0));
        self::assertFalse($other->claim(30.0));
        if ($kind !== 'cache') {  // a PSR-6 cache counts whole seconds, and cannot be asked back
            self::assertTrue($other->claim(0.0));
        }
    }

    public function testFileStore_manyWriters_leaveOneWholeCopyAndNothingElse(): void
    {
        $code = 'require $argv[1]; $s = new Allotment\Configuration\FileStore($argv[2]);'
            . ' for ($i = 0; $i < 30; $i++) { $s->write(str_repeat($argv[3], 60000)); }';
        $path = "$this->folder/allotment.json";
        $writers = [];
        foreach (['a', 'b', 'c'] as $letter) {
            $command = [PHP_BINARY, '-r', $code, dirname(__DIR__, 2) . '/autoload.php', $path, $letter];
            $writers[] = proc_open($command, [], $pipes);
        }
        $store = new FileStore($path);
        $met = 0;
        do {
            $running = array_filter($writers, static fn ($writer): bool => proc_get_status($writer)['running']);
            $copy = $store->read();
            if ($copy !== null) {
                $met += 1;
                self::assertMatchesRegularExpression('/^(a{60000}|b{60000}|c{60000})$/D', $copy);
            }
        } while ($running !== []);
        array_map('proc_close', $writers);
        self::assertGreaterThan(3, $met);
        self::assertSame(['allotment.json'], array_values(array_diff(scandir($this->folder) ?: [], ['.', '..'])));
    }

    public function testFileStore_folderThatIsAFile_isAProblemThatNamesIt(): void
    {
        mkdir($this->folder);
        touch("$this->folder/file");
        $store = new FileStore("$this->folder/file/allotment.json");
        self::assertNull($store->read());
        $this->expectException(StoreProblem::class);
        $this->expectExceptionMessage("the copy in $this->folder/file/allotment.json cannot be written: mkdir()");
        $store->write('x');
    }

    public function testClaim_whileAnotherDecides_isTheOthers(): void
    {
        $store = $this->store('file');
        self::assertTrue($store->claim(0.0));
        $asked = fopen("$this->folder/deep/allotment.json.asked", 'rb');
        self::assertNotFalse($asked);
        flock($asked, LOCK_SH);
        self::assertFalse($store->claim(0.0));
        fclose($asked);
        self::assertTrue($store->claim(0.0));
    }

    public function testClaim_afterTheClockWentBack_isGiven(): void
    {
        $store = $this->store('file');
        self::assertTrue($store->claim(5.0));
        file_put_contents("$this->folder/deep/allotment.json.asked", (string) (microtime(true) + 3600));
        self::assertTrue($store->claim(5.0));
    }
}
