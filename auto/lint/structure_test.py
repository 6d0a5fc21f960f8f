#!/usr/bin/env python3
"""Tests of the layer and length lints."""
import unittest

from layers import breach
from lengths import functions


class Layers(unittest.TestCase):
    def test_downwards_is_allowed(self):
        for name, include in [("modules/http/static.cpp", "event/loop.hpp"), ("event/loop.cpp", "core/result.hpp"),
                              ("main.cpp", "modules/http/request.hpp"), ("core/result.cpp", "core/result.hpp"),
                              ("core/system/build.cpp", "berth_config.hpp")]:
            self.assertIsNone(breach(name, "", include), (name, include))

    def test_upwards_is_refused(self):
        for name, include in [("core/result.cpp", "event/loop.hpp"), ("core/cycle.hpp", "modules/http/request.hpp"),
                              ("event/loop.cpp", "modules/http/request.hpp"), ("event/loop.cpp", "loop.hpp"),
                              ("event/loop.cpp", "../core/result.hpp"), ("core/a.cpp", "tests/support/x.hpp")]:
            self.assertIsNotNone(breach(name, "", include), (name, include))

    def test_a_filter_and_the_codec(self):
        codec = "modules/http/http1/codec.hpp"
        self.assertIsNotNone(breach("modules/http/range_filter.cpp", "", codec))
        self.assertIsNotNone(breach("modules/http/gzip.cpp", "b.body_filter<Conf, deflate>();", codec))
        self.assertIsNone(breach("modules/http/gzip.cpp", "// body_filter(", codec))
        self.assertIsNone(breach("modules/http/http1/chunked_filter.cpp", "", codec))
        self.assertIsNone(breach("modules/http/listen.cpp", "", codec))


class Functions(unittest.TestCase):
    def named(self, text):
        return [(name, last - first + 1) for name, first, last in functions(text)]

    def test_plain_functions_and_members(self):
        text = "namespace berth {\nint f(int a) {\n    if (a) {\n        return 1;\n    }\n    return 2;\n}\n" \
               "class C {\n public:\n    int g() const { return 1; }\n    void h();\n};\nvoid C::h() {\n}\n}\n"
        self.assertEqual(self.named(text), [("f", 6), ("g", 1), ("C::h", 2)])

    def test_a_constructor_with_braced_members(self):
        self.assertEqual(self.named("C::C(int a) : a_{a}, b_{1} {\n    go();\n}\nint x;\n"), [("C::C", 3)])

    def test_a_head_over_lines_belongs_to_it(self):
        self.assertEqual(self.named("template <class T>\nauto f(T a,\n       int b) -> int {\n}\n"), [("f", 4)])

    def test_tables_are_no_functions_but_their_lambdas_are(self):
        text = "constexpr Row rows[] = {\n    {1, 2},\n    {3, 4},\n};\nextern const Module m = {\n" \
               "    .http = [](Builder& b) {\n        b.go();\n    }};\n"
        self.assertEqual(self.named(text), [("]", 3)])

    def test_braces_in_literals_and_macros(self):
        self.assertEqual(self.named("#define X(a) if (a) {\nint f() {\n    puts(\"}\");  // }\n    return '}';\n}\n"),
                         [("f", 4)])


if __name__ == "__main__":
    unittest.main()
