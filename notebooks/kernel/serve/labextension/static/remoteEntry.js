// A notebook that is opened anew, in a page that has not started its cells, shows what they have
// written and shown since. The kernel "eqflow (Go)" remembers that. JupyterLab drops messages about
// cells that another page has started.
(() => {
  'use strict';

  const name = 'eqflow-kernel';
  const cellsType = 'application/vnd.eqflow.cells+json';

  // The cells whose end a page of this browser has seen: numbers by the id of the kernel. A cell
  // whose output the user has cleared since stays empty.
  const seen = {
    key: 'eqflow-kernel:seen',
    mostKernels: 20,
    all() {
      try {
        return JSON.parse(window.localStorage.getItem(this.key)) || [];
      } catch {
        return [];
      }
    },
    of(kernel) {
      return (this.all().find(entry => entry.kernel === kernel) || {cells: []}).cells;
    },
    set(kernel, cells) {
      const others = this.all().filter(entry => entry.kernel !== kernel);
      const all = [...others, {kernel, cells}].slice(-this.mostKernels);
      try {
        window.localStorage.setItem(this.key, JSON.stringify(all));
      } catch {
        // A browser without storage shows cleared output again.
      }
    },
    add(kernel, cell) {
      if (cell && !this.of(kernel).includes(cell)) {
        this.set(kernel, [...this.of(kernel), cell]);
      }
    }
  };

  const isOurs = async kernel => {
    const info = await kernel.info;
    return info.implementation === 'eqflow' && (info.supported_features || []).includes('kernel subshells');
  };

  const request = (kernel, magic, disposeOnDone) =>
    kernel.requestExecute({code: `%eqflow output ${magic}`, store_history: false, stop_on_error: false}, disposeOnDone);

  // knownCells returns the cells whose output the kernel knows, the latest run of each.
  const knownCells = async kernel => {
    let list = [];
    const future = request(kernel, '--cells', true);
    future.onIOPub = message => {
      list = (message.content.data && message.content.data[cellsType]) || list;
    };
    await future.done;
    return [...new Map(list.map(cell => [cell.id, cell])).values()];
  };

  // attach shows the output of a cell, and what it publishes until its end.
  const attach = async (widget, kernel, cell) => {
    const model = widget.model;
    model.clearExecution();
    if (cell.runs) {
      model.executionState = 'running';
      widget.setPrompt('*');
    }
    const future = request(kernel, `--attach ${cell.number}`, false);
    widget.outputArea.future = future;
    await future.done;
    if (!widget.isDisposed) {
      model.executionCount = cell.number;
      model.executionState = 'idle';
    }
    seen.add(kernel.id, cell.number);
  };

  // restore attaches the cells of a notebook that another page has started: those that run, and
  // those that have ended while no page was open.
  const restore = async panel => {
    const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
    if (!kernel || !(await isOurs(kernel))) {
      return;
    }
    await panel.context.ready;
    for (const cell of await knownCells(kernel)) {
      const widget = panel.content.widgets.find(w => w.model.type === 'code' && w.model.id === cell.id);
      if (!widget || (widget.outputArea.future && widget.outputArea.future.msg.header.session === kernel.clientId)) {
        continue; // this page has started it
      }
      const known = widget.model.executionCount === cell.number || seen.of(kernel.id).includes(cell.number);
      if (cell.runs || (!known && widget.model.sharedModel.getSource() === cell.code)) {
        attach(widget, kernel, cell).catch(console.warn);
      }
    }
  };

  const activate = (tracker, actions) => {
    const watch = panel => {
      const again = () => restore(panel).catch(console.warn);
      panel.sessionContext.kernelChanged.connect(again);
      panel.sessionContext.statusChanged.connect((_, status) => {
        const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
        if (kernel && status.endsWith('restarting')) {
          seen.set(kernel.id, []); // the numbers begin anew
        }
      });
      panel.sessionContext.ready.then(again, () => undefined);
    };
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => watch(panel));
    actions.executed.connect((_, {notebook, cell}) => {
      const panel = tracker.find(p => p.content === notebook);
      const kernel = panel && panel.sessionContext.session && panel.sessionContext.session.kernel;
      if (kernel && cell.model.type === 'code') {
        seen.add(kernel.id, cell.model.executionCount);
      }
    });
  };

  let shared; // JupyterLab's modules, by name and version

  const extension = async () => {
    const versions = Object.values(shared['@jupyterlab/notebook']);
    const {INotebookTracker, NotebookActions} = (await versions[0].get())();
    const plugin = {
      id: `${name}:output`,
      description: 'Shows the output of running cells again.',
      autoStart: true,
      requires: [INotebookTracker],
      activate: (_, tracker) => activate(tracker, NotebookActions)
    };
    return () => ({__esModule: true, default: plugin});
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[name] = {
    init: scope => {
      shared = scope;
    },
    get: extension
  };
})();
