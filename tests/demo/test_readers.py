from pathlib import Path

from allotment_demo.readers import READERS, load_key, sign, verify


def test_cookie__signed__is_the_reader() -> None:
    for reader in READERS:
        assert verify(b"key", sign(b"key", reader.user_id)) == reader


def test_cookie__other_key__is_nobody() -> None:
    assert verify(b"other", sign(b"key", "1")) is None


def test_key__first_start__is_made_for_its_owner_only_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "key"
    key = load_key(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path) == key
