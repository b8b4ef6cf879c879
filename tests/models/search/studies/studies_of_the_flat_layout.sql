BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE exitladder_batches (
    study varchar(32) not null, batch integer not null, worker varchar(200), claimed_at double precision,
    payload text, primary key (study, batch));
INSERT INTO "exitladder_batches" VALUES('e884066aa3994d0481ab141cef645aa9',1,'host:24385:54e2d162',NULL,'{"parameters": [{"n_rungs": 2, "target_1_r_steps": 15, "gap_2_r_steps": 10, "stick_1": 0.663762946613133, "stick_2": 0.2574935331940651, "breakeven": false, "trail": "off", "time_bars": 10}, {"n_rungs": 3, "target_1_r_steps": 2, "gap_2_r_steps": 2, "gap_3_r_steps": 1, "stick_1": 0.04626766499131918, "stick_2": 0.8989816904067993, "stick_3": 0.569502959959209, "breakeven": true, "breakeven_after_of_3": 3, "trail": "from_r", "trail_atr_steps": 6, "trail_from_r_steps": 3, "time_bars": 37}, {"n_rungs": 2, "target_1_r_steps": 5, "gap_2_r_steps": 5, "stick_1": 0.7587462412193418, "stick_2": 0.6768946852535009, "breakeven": true, "breakeven_after_of_2": 1, "trail": "entry", "trail_atr_steps": 12, "time_bars": 79}, {"n_rungs": 1, "target_1_r_steps": 3, "stick_1": 0.3751428937539458, "breakeven": false, "trail": "rung", "trail_atr_steps": 15, "time_bars": 28}], "values": [[-6.0], [-1.5], [-0.0], [-0.75]], "violations": [[], [], [], []]}');
INSERT INTO "exitladder_batches" VALUES('e884066aa3994d0481ab141cef645aa9',2,'host:24385:54e2d162',NULL,'{"parameters": [{"n_rungs": 1, "target_1_r_steps": 9, "stick_1": 0.3048875452950597, "breakeven": false, "trail": "entry", "trail_atr_steps": 11, "time_bars": 72}, {"n_rungs": 3, "target_1_r_steps": 5, "gap_2_r_steps": 14, "gap_3_r_steps": 4, "stick_1": 0.9227514853700995, "stick_2": 0.6022557783871889, "stick_3": 0.4338128613308072, "breakeven": true, "breakeven_after_of_3": 1, "trail": "rung", "trail_atr_steps": 17, "time_bars": 19}, {"n_rungs": 3, "target_1_r_steps": 10, "gap_2_r_steps": 1, "gap_3_r_steps": 8, "stick_1": 0.14789509493857622, "stick_2": 0.8174780048429966, "stick_3": 0.08191506378352642, "breakeven": true, "breakeven_after_of_3": 2, "trail": "off", "time_bars": 17}, {"n_rungs": 1, "target_1_r_steps": 2, "stick_1": 0.5308856507763267, "breakeven": false, "trail": "from_r", "trail_atr_steps": 7, "trail_from_r_steps": 12, "time_bars": 48}], "values": [[-0.25], [-1.25], [-6.0], [-1.25]], "violations": [[], [], [], []]}');
INSERT INTO "exitladder_batches" VALUES('796105a135284b3a9c6e959897677b3b',1,'host:24385:bd8343c6',NULL,'{"parameters": [{"n_rungs": 2, "target_1_r_steps": 15, "gap_2_r_steps": 10, "stick_1": 0.663762946613133, "stick_2": 0.2574935331940651, "breakeven": false, "trail": "off", "time_bars": 10}, {"n_rungs": 3, "target_1_r_steps": 2, "gap_2_r_steps": 2, "gap_3_r_steps": 1, "stick_1": 0.04626766499131918, "stick_2": 0.8989816904067993, "stick_3": 0.569502959959209, "breakeven": true, "breakeven_after_of_3": 3, "trail": "from_r", "trail_atr_steps": 6, "trail_from_r_steps": 3, "time_bars": 37}, {"n_rungs": 2, "target_1_r_steps": 5, "gap_2_r_steps": 5, "stick_1": 0.7587462412193418, "stick_2": 0.6768946852535009, "breakeven": true, "breakeven_after_of_2": 1, "trail": "entry", "trail_atr_steps": 12, "time_bars": 79}, {"n_rungs": 1, "target_1_r_steps": 3, "stick_1": 0.3751428937539458, "breakeven": false, "trail": "rung", "trail_atr_steps": 15, "time_bars": 28}], "values": [[-6.0], [-1.5], [-0.0], [-0.75]], "violations": [[], [], [], []]}');
INSERT INTO "exitladder_batches" VALUES('796105a135284b3a9c6e959897677b3b',2,'host:24385:bd8343c6',NULL,'{"parameters": [{"n_rungs": 1, "target_1_r_steps": 9, "stick_1": 0.3048875452950597, "breakeven": false, "trail": "entry", "trail_atr_steps": 11, "time_bars": 72}, {"n_rungs": 3, "target_1_r_steps": 5, "gap_2_r_steps": 14, "gap_3_r_steps": 4, "stick_1": 0.9227514853700995, "stick_2": 0.6022557783871889, "stick_3": 0.4338128613308072, "breakeven": true, "breakeven_after_of_3": 1, "trail": "rung", "trail_atr_steps": 17, "time_bars": 19}, {"n_rungs": 3, "target_1_r_steps": 10, "gap_2_r_steps": 1, "gap_3_r_steps": 8, "stick_1": 0.14789509493857622, "stick_2": 0.8174780048429966, "stick_3": 0.08191506378352642, "breakeven": true, "breakeven_after_of_3": 2, "trail": "off", "time_bars": 17}, {"n_rungs": 1, "target_1_r_steps": 2, "stick_1": 0.5308856507763267, "breakeven": false, "trail": "from_r", "trail_atr_steps": 7, "trail_from_r_steps": 12, "time_bars": 48}], "values": [[-0.25], [-1.25], [-6.0], [-1.25]], "violations": [[], [], [], []]}');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'tune-00a0cabc0dfacbf4');
INSERT INTO "studies" VALUES(2,'mine');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MAXIMIZE',2,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_system_attributes" VALUES(1,1,'study:metric_names','["nearness"]');
INSERT INTO "study_system_attributes" VALUES(2,2,'study:metric_names','["nearness"]');
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'exitladder','{"search": {"sampler": "qmc", "seed": 0, "n_trials": 8, "batch_size": 4, "n_objectives": 1}, "n_warm": 0, "learns": false, "ahead": 1, "objectives": ["nearness"], "constraints": [], "identity": {"program": "1026a6e6d623f52f", "space": "7d77c23435b3d2ed", "warm starts": "2e38e77b22c314a4", "bars": "b", "trades": "t"}, "token": "e884066aa3994d0481ab141cef645aa9"}');
INSERT INTO "study_user_attributes" VALUES(2,2,'exitladder','{"search": {"sampler": "qmc", "seed": 0, "n_trials": 8, "batch_size": 4, "n_objectives": 1}, "n_warm": 0, "learns": false, "ahead": 1, "objectives": ["nearness"], "constraints": [], "identity": {"program": "1026a6e6d623f52f", "space": "7d77c23435b3d2ed", "warm starts": "2e38e77b22c314a4", "bars": "b", "trades": "t"}, "token": "796105a135284b3a9c6e959897677b3b"}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'n_rungs',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(2,1,'target_1_r_steps',15.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(3,1,'gap_2_r_steps',10.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(4,1,'stick_1',0.663762946613133,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(5,1,'stick_2',2.57493533194065093994e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(6,1,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(7,1,'trail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(8,1,'time_bars',10.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(9,2,'n_rungs',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(10,2,'target_1_r_steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(11,2,'gap_2_r_steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(12,2,'gap_3_r_steps',1.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(13,2,'stick_1',4.62676649913191795349e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(14,2,'stick_2',8.98981690406799316406e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(15,2,'stick_3',0.569502959959209,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(16,2,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(17,2,'breakeven_after_of_3',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(18,2,'trail',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(19,2,'trail_atr_steps',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(20,2,'trail_from_r_steps',3.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(21,2,'time_bars',37.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(22,3,'n_rungs',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(23,3,'target_1_r_steps',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(24,3,'gap_2_r_steps',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(25,3,'stick_1',7.58746241219341754913e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(26,3,'stick_2',6.76894685253500938415e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(27,3,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(28,3,'breakeven_after_of_2',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(29,3,'trail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(30,3,'trail_atr_steps',12.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(31,3,'time_bars',79.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(32,4,'n_rungs',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(33,4,'target_1_r_steps',3.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(34,4,'stick_1',3.75142893753945827484e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(35,4,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(36,4,'trail',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(37,4,'trail_atr_steps',15.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(38,4,'time_bars',28.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(39,5,'n_rungs',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(40,5,'target_1_r_steps',9.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(41,5,'stick_1',3.04887545295059680938e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(42,5,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(43,5,'trail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(44,5,'trail_atr_steps',11.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(45,5,'time_bars',72.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(46,6,'n_rungs',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(47,6,'target_1_r_steps',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(48,6,'gap_2_r_steps',14.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(49,6,'gap_3_r_steps',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(50,6,'stick_1',9.22751485370099544525e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(51,6,'stick_2',6.02255778387188911437e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(52,6,'stick_3',4.33812861330807209014e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(53,6,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(54,6,'breakeven_after_of_3',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(55,6,'trail',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(56,6,'trail_atr_steps',17.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(57,6,'time_bars',19.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(58,7,'n_rungs',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(59,7,'target_1_r_steps',10.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(60,7,'gap_2_r_steps',1.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(61,7,'gap_3_r_steps',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(62,7,'stick_1',1.47895094938576221466e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(63,7,'stick_2',8.1747800484299659729e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(64,7,'stick_3',8.19150637835264205932e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(65,7,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(66,7,'breakeven_after_of_3',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(67,7,'trail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(68,7,'time_bars',17.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(69,8,'n_rungs',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(70,8,'target_1_r_steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(71,8,'stick_1',5.30885650776326656341e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(72,8,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(73,8,'trail',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(74,8,'trail_atr_steps',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(75,8,'trail_from_r_steps',12.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(76,8,'time_bars',48.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(77,9,'n_rungs',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(78,9,'target_1_r_steps',15.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(79,9,'gap_2_r_steps',10.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(80,9,'stick_1',0.663762946613133,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(81,9,'stick_2',2.57493533194065093994e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(82,9,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(83,9,'trail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(84,9,'time_bars',10.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(85,10,'n_rungs',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(86,10,'target_1_r_steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(87,10,'gap_2_r_steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(88,10,'gap_3_r_steps',1.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(89,10,'stick_1',4.62676649913191795349e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(90,10,'stick_2',8.98981690406799316406e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(91,10,'stick_3',0.569502959959209,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(92,10,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(93,10,'breakeven_after_of_3',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(94,10,'trail',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(95,10,'trail_atr_steps',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(96,10,'trail_from_r_steps',3.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(97,10,'time_bars',37.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(98,11,'n_rungs',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(99,11,'target_1_r_steps',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(100,11,'gap_2_r_steps',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(101,11,'stick_1',7.58746241219341754913e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(102,11,'stick_2',6.76894685253500938415e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(103,11,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(104,11,'breakeven_after_of_2',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(105,11,'trail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(106,11,'trail_atr_steps',12.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(107,11,'time_bars',79.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(108,12,'n_rungs',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(109,12,'target_1_r_steps',3.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(110,12,'stick_1',3.75142893753945827484e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(111,12,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(112,12,'trail',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(113,12,'trail_atr_steps',15.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(114,12,'time_bars',28.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(115,13,'n_rungs',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(116,13,'target_1_r_steps',9.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(117,13,'stick_1',3.04887545295059680938e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(118,13,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(119,13,'trail',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(120,13,'trail_atr_steps',11.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(121,13,'time_bars',72.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(122,14,'n_rungs',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(123,14,'target_1_r_steps',5.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(124,14,'gap_2_r_steps',14.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(125,14,'gap_3_r_steps',4.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(126,14,'stick_1',9.22751485370099544525e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(127,14,'stick_2',6.02255778387188911437e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(128,14,'stick_3',4.33812861330807209014e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(129,14,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(130,14,'breakeven_after_of_3',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(131,14,'trail',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(132,14,'trail_atr_steps',17.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(133,14,'time_bars',19.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(134,15,'n_rungs',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(135,15,'target_1_r_steps',10.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(136,15,'gap_2_r_steps',1.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(137,15,'gap_3_r_steps',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 16}}');
INSERT INTO "trial_params" VALUES(138,15,'stick_1',1.47895094938576221466e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(139,15,'stick_2',8.1747800484299659729e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(140,15,'stick_3',8.19150637835264205932e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(141,15,'breakeven',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(142,15,'breakeven_after_of_3',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(143,15,'trail',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(144,15,'time_bars',17.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
INSERT INTO "trial_params" VALUES(145,16,'n_rungs',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(146,16,'target_1_r_steps',2.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(147,16,'stick_1',5.30885650776326656341e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(148,16,'breakeven',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [true, false]}}');
INSERT INTO "trial_params" VALUES(149,16,'trail',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["off", "entry", "rung", "from_r"]}}');
INSERT INTO "trial_params" VALUES(150,16,'trail_atr_steps',7.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 6, "high": 32}}');
INSERT INTO "trial_params" VALUES(151,16,'trail_from_r_steps',12.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 2, "high": 16}}');
INSERT INTO "trial_params" VALUES(152,16,'time_bars',48.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 10, "high": 100}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(2,1,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(3,2,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(4,2,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(5,3,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(6,3,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(7,4,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(8,4,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(9,5,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(10,5,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(11,6,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(12,6,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(13,7,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(14,7,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(15,8,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(16,8,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(17,9,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(18,9,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(19,10,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(20,10,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(21,11,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(22,11,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(23,12,'batch','1');
INSERT INTO "trial_user_attributes" VALUES(24,12,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(25,13,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(26,13,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(27,14,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(28,14,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(29,15,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(30,15,'source','"search"');
INSERT INTO "trial_user_attributes" VALUES(31,16,'batch','2');
INSERT INTO "trial_user_attributes" VALUES(32,16,'source','"search"');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,-6.0,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,-1.5,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,0.0,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,-0.75,'FINITE');
INSERT INTO "trial_values" VALUES(5,5,0,-0.25,'FINITE');
INSERT INTO "trial_values" VALUES(6,6,0,-1.25,'FINITE');
INSERT INTO "trial_values" VALUES(7,7,0,-6.0,'FINITE');
INSERT INTO "trial_values" VALUES(8,8,0,-1.25,'FINITE');
INSERT INTO "trial_values" VALUES(9,9,0,-6.0,'FINITE');
INSERT INTO "trial_values" VALUES(10,10,0,-1.5,'FINITE');
INSERT INTO "trial_values" VALUES(11,11,0,0.0,'FINITE');
INSERT INTO "trial_values" VALUES(12,12,0,-0.75,'FINITE');
INSERT INTO "trial_values" VALUES(13,13,0,-0.25,'FINITE');
INSERT INTO "trial_values" VALUES(14,14,0,-1.25,'FINITE');
INSERT INTO "trial_values" VALUES(15,15,0,-6.0,'FINITE');
INSERT INTO "trial_values" VALUES(16,16,0,-1.25,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-29 07:59:45.365883','2026-11-29 07:59:45.365883');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-29 07:59:45.365883','2026-11-29 07:59:45.365883');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-29 07:59:45.365883','2026-11-29 07:59:45.365883');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-29 07:59:45.365883','2026-11-29 07:59:45.365883');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-29 07:59:45.391100','2026-11-29 07:59:45.391100');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-29 07:59:45.391100','2026-11-29 07:59:45.391100');
INSERT INTO "trials" VALUES(7,6,1,'COMPLETE','2026-11-29 07:59:45.391100','2026-11-29 07:59:45.391100');
INSERT INTO "trials" VALUES(8,7,1,'COMPLETE','2026-11-29 07:59:45.391100','2026-11-29 07:59:45.391100');
INSERT INTO "trials" VALUES(9,0,2,'COMPLETE','2026-11-29 07:59:45.473883','2026-11-29 07:59:45.473883');
INSERT INTO "trials" VALUES(10,1,2,'COMPLETE','2026-11-29 07:59:45.473883','2026-11-29 07:59:45.473883');
INSERT INTO "trials" VALUES(11,2,2,'COMPLETE','2026-11-29 07:59:45.473883','2026-11-29 07:59:45.473883');
INSERT INTO "trials" VALUES(12,3,2,'COMPLETE','2026-11-29 07:59:45.473883','2026-11-29 07:59:45.473883');
INSERT INTO "trials" VALUES(13,4,2,'COMPLETE','2026-11-29 07:59:45.488008','2026-11-29 07:59:45.488008');
INSERT INTO "trials" VALUES(14,5,2,'COMPLETE','2026-11-29 07:59:45.488008','2026-11-29 07:59:45.488008');
INSERT INTO "trials" VALUES(15,6,2,'COMPLETE','2026-11-29 07:59:45.488008','2026-11-29 07:59:45.488008');
INSERT INTO "trials" VALUES(16,7,2,'COMPLETE','2026-11-29 07:59:45.488008','2026-11-29 07:59:45.488008');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
