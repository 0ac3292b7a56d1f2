"""Hardware profiles: what the files say, and what is refused."""

import pytest

from dynapdeploy import ProfileError, load_profile, profile_names

SPECK = ("speck2e", "speck2edevkit", "speck2fdevkit", "speck2fmodule")
CHECK_ONLY = ("dynapcnndevkit", "speck2b", "speck2cmini", "speck2dmini", "unbounded")


def test_the_chips_known():
    assert profile_names() == tuple(sorted(SPECK + CHECK_ONLY))


@pytest.mark.parametrize("name", SPECK)
def test_memory_of_the_speck_in_words(name):
    profile = load_profile(name)
    assert [core.kernel // 1024 for core in profile.cores] == [16, 16, 16, 32, 32, 64, 64, 16, 16]
    assert [core.neuron // 1024 for core in profile.cores] == [64, 64, 64, 32, 32, 16, 16, 16, 16]
    assert [core.bias for core in profile.cores] == [1024] * 9
    assert profile.board is not None
    assert profile.board.samna_module == name[:7]
    assert profile.limits.strides == (1, 2, 4, 8)


def test_memory_of_the_mini_chips_in_words():
    profile = load_profile("speck2dmini")
    assert [core.kernel // 1024 for core in profile.cores] == [16, 32, 32, 64, 16]
    assert [core.neuron // 1024 for core in profile.cores] == [64, 32, 32, 16, 16]
    assert [core.bias for core in profile.cores] == [0, 0, 0, 1024, 1024]


@pytest.mark.parametrize("name", CHECK_ONLY)
def test_chips_that_can_only_be_checked(name):
    assert load_profile(name).board is None


def test_energy_is_the_literature_s():
    energy = load_profile("speck2fdevkit").energy
    assert energy.joules_per_synop == 1e-11
    assert "not measured" in energy.source


def test_an_unknown_device_lists_the_known_and_suggests_the_nearest():
    with pytest.raises(
        ProfileError, match=r"'speck2f-devkit'\. Did you mean speck2fdevkit\?.*speck2b"
    ):
        load_profile("speck2f-devkit")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "title"),
        ("title = ", "not TOML"),
        ('title = "x"\nbase = "base/family"', "needs either cores"),
        ('title = "x"\nbase = "mine"', "loop"),
        ('title = "x"\nbase = "base/speck2"\ncolour = "red"', "colour"),
        ('title = "x"\nbase = "base/speck2"\n[limits]\nkernel = "big"', "kernel"),
        (
            'title = "x"\nbase = "base/speck2"\n[[cores]]\nkernel = -1\nneuron = 1\nbias = 1',
            "kernel",
        ),
    ],
)
def test_a_malformed_profile_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=message) as refused:
        load_profile(str(path))
    assert "mine.toml" in str(refused.value)


def test_a_missing_profile_file_is_refused(tmp_path):
    with pytest.raises(ProfileError, match="No such file"):
        load_profile(str(tmp_path / "none.toml"))
