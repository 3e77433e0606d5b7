from uuid import RFC_4122

from extracted_services.chassis.identifiers import uuid7, uuid7_at


def test_an_id_is_a_uuid_of_version_7_and_the_rfc_variant() -> None:
    made = uuid7()

    assert made.version == 7
    assert made.variant == RFC_4122


def test_the_example_of_rfc_9562_comes_out() -> None:
    # Appendix A.6: 2022-02-22 19:22:22.00 UTC; its rand_a 0xCC3 is a fraction of 0xCC3 / 4096 ms here.
    moment_ns = 0x017F22E279B0 * 1_000_000 + -(-0xCC3 * 1_000_000 // 4096)

    assert str(uuid7_at(moment_ns, 0x18C4DC0C0C07398F)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_ids_of_one_millisecond_sort_in_the_order_they_were_made() -> None:
    earlier, later = uuid7_at(1_000_000_500_000, 2**62 - 1), uuid7_at(1_000_000_501_000, 0)

    assert str(earlier) < str(later)
