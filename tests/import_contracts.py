"""Kinds of contract that import-linter does not bring: plug-ins, and modules on the standard library alone."""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.application import contract_utils


class _ImportsContract(Contract):
    """Report direct imports that are not allowed."""

    ignore_imports = fields.SetField(subfield=fields.ImportExpressionField(), required=False)
    unmatched_ignore_imports_alerting = fields.EnumField(
        contract_utils.AlertLevel, default=contract_utils.AlertLevel.ERROR
    )

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        removed = contract_utils.remove_ignored_imports_and_report(
            graph=graph,
            ignore_imports=self.ignore_imports,  # type: ignore[arg-type]
            unmatched_alerting=self.unmatched_ignore_imports_alerting,  # type: ignore[arg-type]
        )
        wrong = sorted(self.wrong_imports(graph))
        return ContractCheck(
            kept=not wrong,
            warnings=list(removed.warnings),
            ignored_import_count=removed.ignored_import_count,
            metadata={"wrong": wrong},
        )

    def wrong_imports(self, graph: ImportGraph) -> set[tuple[str, str]]:
        """Return pairs of importer and imported module."""
        raise NotImplementedError

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["wrong"]:
            output.print_error(f"{importer} must not import {imported}", bold=False)


class PluginsContract(_ImportsContract):
    """The plug-ins of a package do not import each other: what they share is private, or in `core`.

    A plug-in is a public module or package in one of *packages*, except `core` and those called *shared*.
    """

    type_name = "plugins"

    packages = fields.SetField(subfield=fields.StringField())
    shared = fields.SetField(subfield=fields.StringField(), required=False)

    def wrong_imports(self, graph: ImportGraph) -> set[tuple[str, str]]:
        """Return the imports between two plug-ins of one package."""
        return {pair for package in self.packages for pair in self._between_plugins(graph, package)}  # type: ignore[attr-defined]

    def _between_plugins(self, graph: ImportGraph, package: str) -> set[tuple[str, str]]:
        shared: Any = self.shared or ()
        plugins = {
            child
            for child in graph.find_children(package)
            if child not in shared
            and child.rpartition(".")[2] != "core"
            and not child.rpartition(".")[2].startswith("_")
        }
        if not plugins:
            raise ValueError(f"{package} holds no plug-in")
        owner = {module: plugin for plugin in plugins for module in (plugin, *graph.find_descendants(plugin))}
        return {
            (module, imported)
            for module, plugin in owner.items()
            for imported in graph.find_modules_directly_imported_by(module)
            if owner.get(imported, plugin) != plugin
        }


class StandardLibraryContract(_ImportsContract):
    """*modules* import the standard library and each other, nothing else. Needs `include_external_packages`."""

    type_name = "standard_library"

    modules = fields.SetField(subfield=fields.StringField())

    def wrong_imports(self, graph: ImportGraph) -> set[tuple[str, str]]:
        """Return the imports of anything else."""
        modules: Any = self.modules
        return {
            (module, imported)
            for module in modules
            for imported in graph.find_modules_directly_imported_by(module)
            if imported not in modules and imported.partition(".")[0] not in sys.stdlib_module_names
        }
